"""Makes the tables and rows of plain Django: `python -m tests.benchmarks.stock.build TENANTS`."""

import sys

import django


def main(tenants: int) -> None:
    """The hosts of both shards, and on each shard one set of rows."""
    from django.core.management import call_command

    from tests.benchmarks.app.seed import seed
    from tests.benchmarks.stock.models import Host
    from tests.benchmarks.stock.routing import shard_in_use
    from tests.benchmarks.systems import host
    from tests.fixtures.two_shards import SHARDS

    call_command("migrate", "stock", database="default", verbosity=0)
    for number, shard in enumerate(SHARDS):
        call_command("migrate", "bench", database=shard, verbosity=0)
        shard_in_use.set(shard)
        seed("plain")
        first = 1 + number * tenants
        Host.objects.using("default").bulk_create(
            Host(name=host(one), shard=shard) for one in range(first, first + tenants)
        )


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
