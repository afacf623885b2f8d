"""Makes Atoll's tenants as an operator does: `… prepare FOLDER SHARD`, `… tenants … FIRST END`."""

import sys
from pathlib import Path

import django


def prepare_servers(folder: str, shard: str) -> None:
    """Control's tables, and the shard with its first roles."""
    from devstack.prepare import prepare
    from devstack.stack import Stack

    prepare(Stack(Path(folder), shards=(shard,)))


def make_tenants(shard: str, first: int, end: int) -> None:
    """Provision tenants `first` to `end` (exclusive)."""
    from sharding import scope
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest
    from tests.benchmarks import systems

    for number in range(first, end):
        name = systems.slug(number)
        with scope.enter(scope.CONTROL):
            provision_tenant(ProvisionRequest(slug=name, name=name, shard=shard))


if __name__ == "__main__":
    django.setup()
    step, folder, shard, *numbers = sys.argv[1:]
    if step == "prepare":
        prepare_servers(folder, shard)
    else:
        make_tenants(shard, int(numbers[0]), int(numbers[1]))
