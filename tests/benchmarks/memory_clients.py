"""One process of clients of a shard: `… NUMBER PROCESSES THREADS REQUESTS TENANTS AFFINITY`.

Does its part of all requests as web processes do: a connection of the product's pool, in the
tenant's scope, given back afterwards. A request reads from every table of its tenant, which
BENCH_TABLES names. Prints JSON (by backend, the schemas that it has met), and keeps its connections
until its standard input ends.
"""

import json
import os
import sys
import threading
from collections import defaultdict
from queue import Empty, SimpleQueue

import django
from psycopg import sql

from tests.benchmarks.memory_curve import draws, process_of
from tests.benchmarks.systems import slug


def main(number: int, processes: int, threads: int, requests: int, tenants: int) -> None:
    from django.db import Error, connections

    from sharding import scope
    from tenants.models import Tenant
    from tenants.services.finding import placement_of

    affinity = sys.argv[6] == "affinity"
    asked = enumerate(draws(tenants)[:requests])
    mine: SimpleQueue[int] = SimpleQueue()
    for position, tenant in asked:
        if (process_of(tenant, processes) if affinity else position % processes) == number:
            mine.put(tenant)
    with scope.enter(scope.CONTROL):
        places = {tenant.slug: placement_of(tenant) for tenant in Tenant.objects.all()}
    connections["control"].close()
    with scope.enter(places[slug(1)]):
        touch = _touch_all(connections["default"])
        connections["default"].close()
    met: dict[int, set[str]] = defaultdict(set)
    failed: list[str] = []

    def work() -> None:
        while True:
            try:
                place = places[slug(mine.get_nowait())]
            except Empty:
                return
            with scope.enter(place):
                connection = connections["default"]
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(touch)
                        met[connection.connection.info.backend_pid].add(place.schema)
                except Error as error:
                    failed.append(str(error))
                finally:
                    connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told = {"met": {pid: len(schemas) for pid, schemas in met.items()}, "failed": failed}
    print(json.dumps(told), flush=True)
    sys.stdin.read()


def _touch_all(connection) -> str:
    """One statement that reads from each table of the tenant in scope."""
    with connection.cursor() as cursor:
        each = [
            sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(name))
            for name in os.environ["BENCH_TABLES"].split()
        ]
        return (sql.SQL("SELECT ") + sql.SQL(", ").join(each)).as_string(cursor.cursor)


if __name__ == "__main__":
    django.setup()
    main(*map(int, sys.argv[1:6]))
