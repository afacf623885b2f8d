"""Run by tests.fixtures.forked: build one tenant's schema, telling each migration as it begins.

Stops before a migration that it was told to wait at, until it is killed.
"""

import time

from migrations_tools.services.build_schema import build_schema
from sharding.placements.services.placing import get_placement


def main(tenant_id: str, wait_at: str) -> None:
    def tell(migration: str) -> None:
        print(migration, flush=True)
        if migration == wait_at:
            time.sleep(60)

    built = build_schema(get_placement(tenant_id).to_scope(), tell=tell)
    print(f"built {built.digest}", flush=True)
