"""django-tenants' side of `make bench-fleet`: one step per process, timed after django.setup().

`python -m tests.benchmarks.fleet_peer STEP [ARGUMENT …]` prints one JSON object; what it prints of
itself goes to the standard error stream.
"""

import json
import sys
import time

import django


def prepare() -> dict[str, float]:
    """The shared tables."""
    from django.core.management import call_command

    call_command("migrate_schemas", shared=True, verbosity=0, interactive=False)
    return {}


def create(first: int, end: int) -> dict[str, list[float]]:
    """Make tenants `first` to `end` (exclusive), each as its documentation says: by saving it."""
    from tests.benchmarks import systems
    from tests.benchmarks.peers.models import Client, Domain

    took = []
    for number in range(first, end):
        name = systems.slug(number)
        begun = time.perf_counter()
        client = Client(schema_name=name, name=name)
        client.save(verbosity=0)
        Domain.objects.create(domain=systems.host(number), tenant=client, is_primary=True)
        took.append(time.perf_counter() - begun)
    return {"seconds": took}


def migrate(executor: str) -> dict[str, float]:
    """Bring every tenant to the release in the environment, by one of its executors."""
    from django.core.management import call_command

    begun = time.perf_counter()
    call_command("migrate_schemas", tenant=True, executor=executor, verbosity=0, interactive=False)
    return {"seconds": time.perf_counter() - begun}


def undo(release: str) -> dict[str, float]:
    """Take every tenant back to the release before, so that it can be migrated once more."""
    from django.core.management import call_command

    target = {"2": "0005", "3": "0006"}[release]
    call_command("migrate_schemas", "bench_fleet", target, tenant=True, verbosity=0)
    return {}


def tables() -> dict[str, int]:
    """How many tables one tenant has."""
    from django.db import connection

    from tests.benchmarks import systems

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [systems.slug(1)])
        return {"tables": cursor.fetchone()[0]}


if __name__ == "__main__":
    django.setup()
    step, *arguments = sys.argv[1:]
    if step == "prepare":
        answer: object = prepare()
    elif step == "create":
        answer = create(int(arguments[0]), int(arguments[1]))
    elif step == "migrate":
        answer = migrate(arguments[0])
    elif step == "undo":
        answer = undo(arguments[0])
    else:
        answer = tables()
    print(json.dumps(answer))
