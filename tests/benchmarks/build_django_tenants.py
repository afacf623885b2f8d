"""Makes django-tenants' schemas in its own way: `… prepare …`, then `… tenants … FIRST END`."""

import sys

import django


def prepare() -> None:
    """The shared tables."""
    from django.core.management import call_command

    call_command("migrate_schemas", "peers", shared=True, verbosity=0)


def make_tenants(first: int, end: int) -> None:
    """Tenants `first` to `end` (exclusive): saving one creates and migrates its schema."""
    from django_tenants.utils import tenant_context

    from tests.benchmarks import systems
    from tests.benchmarks.app.seed import seed
    from tests.benchmarks.peers.models import Client, Domain

    for number in range(first, end):
        name = systems.slug(number)
        client = Client(schema_name=name, name=name)
        client.save(verbosity=0)
        Domain.objects.create(domain=systems.host(number), tenant=client)
        with tenant_context(client):
            seed(name)


if __name__ == "__main__":
    django.setup()
    step, _folder, _shard, *numbers = sys.argv[1:]
    if step == "prepare":
        prepare()
    else:
        make_tenants(int(numbers[0]), int(numbers[1]))
