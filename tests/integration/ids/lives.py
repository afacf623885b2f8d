"""Run as a process, with the settings of one release: what happens to tenants in it, in order.

Each argument is a step, such as `prepare=FOLDER`, `migrate` or `make=SLUG`; after `ids` the last
line is the ids of all tenants, as JSON.
"""

import json
import sys
from pathlib import Path

import django


def main(steps: list[str]) -> None:
    django.setup()
    for step in steps:
        name, _, what = step.partition("=")
        STEPS[name](what)


def prepare(folder):
    from devstack.prepare import prepare as make_ready
    from devstack.stack import Stack

    make_ready(Stack(Path(folder), shards=("alpha",), redis=False))


def migrate(_):
    from migrations_tools.services.control import ControlRequest, migrate_control

    migrate_control(ControlRequest())


def image(_):
    from migrations_tools.images.services.build_image import build_image

    receipt = build_image()
    print(receipt, file=sys.stderr)


def make(slug):
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest

    provision_tenant(
        ProvisionRequest(
            slug=slug,
            shard="alpha",
            admin_email=f"admin@{slug}.example",
            admin_password="a password of the tests",
        )
    )


def migrate_schemas(_):
    from django.core.management import call_command

    call_command("migrate_schemas")


def ids(_):
    from sharding.placements.services.placing import get_placement
    from sharding.registry import current as addresses
    from sharding.schemas.connections import own_connection
    from sharding.schemas.services.wrong_ids import wrong_ids
    from tenants.models import CONTROL, Tenant
    from tests.integration.ids.conftest import ids_by

    found = {}
    with own_connection(addresses.shard("alpha")) as own:
        for tenant in Tenant.objects.using(CONTROL):
            place = get_placement(tenant.id)
            types, permissions = ids_by(own, place)
            wrong = wrong_ids(own, place.schema)
            found[tenant.slug] = {"types": types, "permissions": permissions, "wrong": wrong}
    print(json.dumps(found))


STEPS = {step.__name__: step for step in (prepare, migrate, image, make, migrate_schemas, ids)}

if __name__ == "__main__":
    main(sys.argv[1:])
