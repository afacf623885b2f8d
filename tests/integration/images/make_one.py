"""Run by tests.fixtures.forked: build one tenant's schema."""

from migrations_tools.services.build_schema import build_schema
from sharding.placements.services.placing import get_placement


def main(tenant_id: str) -> None:
    built = build_schema(get_placement(tenant_id).to_scope())
    print("from the image" if built.from_image else "by migrations", flush=True)
