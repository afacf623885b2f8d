"""Adopts a schema and stops at one line of what it tells, to be killed there.

`python -m … FILE LINE SLUG SHARD SCHEMA`, with the administrator's connection in a variable. FILE
is written when the line has come.
"""

import os
import sys
import time
from pathlib import Path

import django


def main(file: str, line: str, slug: str, shard: str, schema: str) -> None:
    """Adopt it."""
    django.setup()
    from sharding.registry import current as addresses
    from tenants.adoption.services.adopt import adopt_tenant
    from tenants.adoption.types import Admin, AdoptionRequest

    def tell(told: str) -> None:
        if told.startswith(line):
            Path(file).write_text(str(os.getpid()), encoding="utf-8")
            time.sleep(600)

    admin = Admin(addresses.shard(shard), os.environ["ATOLL_ADMIN_CONNINFO"])
    adopt_tenant(AdoptionRequest(slug=slug, shard=shard, schema=schema), admin, tell=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
