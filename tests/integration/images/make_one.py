"""Run as a process: build one tenant's schema; its server session can be told by its name."""

import sys

import django


def main(tenant_id: str) -> None:
    django.setup()
    from migrations_tools.services.build_schema import build_schema
    from sharding.placements.services.placing import get_placement

    built = build_schema(get_placement(tenant_id).to_scope())
    print("from the image" if built.from_image else "by migrations", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
