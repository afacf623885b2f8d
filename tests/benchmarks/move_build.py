"""Makes the tenants of `make bench-move`, on the first shard.

`python -m … FOLDER NEIGHBOURS MEGABYTES`

Prints what was made as one JSON object; what it says on the way goes to the standard error stream.
"""

import json
import sys
from typing import Any, Final

import django

WRITERS: Final = 8
"""Each has a counter: as many as clients that write, or more."""

# A row of some 220 bytes, of which next to nothing can be compressed away.
_FILL: Final = """
    INSERT INTO bench_fleet_record{number} (code, title, body, amount, at{more})
    SELECT 'row ' || n, md5(n::text),
           md5(random()::text) || md5(random()::text) || md5(random()::text),
           n, now() - n * interval '1 minute'{values}
    FROM generate_series(%s, %s) AS n
"""
_ROWS_AT_ONCE: Final = 10_000
"""No statement of a web login may last longer than some seconds."""
_MORE: Final = {1: {"more": ", note", "values": ", 'a note'"}}
"""Columns that a later migration added."""
_NO_MORE: Final = {"more": "", "values": ""}
_ROW_BYTES: Final = 222
_FILL_SMALL: Final = """
    INSERT INTO bench_many_small{number} (code, at)
    SELECT 'row ' || n, now() FROM generate_series(1, 20) AS n
"""
_SIZE: Final = """
    SELECT count(*), sum(pg_table_size(c.oid))::bigint, sum(pg_total_relation_size(c.oid))::bigint
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = %s::regnamespace
"""


def main(folder: str, neighbours: int, megabytes: int) -> dict[str, Any]:
    """Control, both shards, the image, and all tenants on the first shard."""
    from tests.benchmarks import systems
    from tests.benchmarks.build_atoll import make_tenants
    from tests.benchmarks.fleet_atoll import prepare
    from tests.benchmarks.move_plan import FIRST_NEIGHBOUR, MOVING
    from tests.fixtures.two_shards import SHARDS

    refused = prepare(folder, *SHARDS)["refused"]
    if refused:
        raise SystemExit(f"There is no image, and every move would be slower: {refused}")
    last = FIRST_NEIGHBOUR + neighbours
    make_tenants(SHARDS[0], MOVING, MOVING + 1)
    make_tenants(SHARDS[0], FIRST_NEIGHBOUR, last)
    return {
        "neighbours": [_place(systems.slug(one)).schema for one in range(FIRST_NEIGHBOUR, last)],
        "tenant": filled(systems.slug(MOVING), megabytes),
    }


def filled(slug: str, megabytes: int) -> dict[str, Any]:
    """Give a tenant so many megabytes of rows, the same in each of the tables."""
    from django.db import connection

    from sharding import scope
    from tests.benchmarks.fleet.models import TABLES
    from tests.benchmarks.many.models import NUMBER
    from tests.benchmarks.moved.models import Counter

    place = _place(slug)
    rows = megabytes * 1_000_000 // TABLES // _ROW_BYTES
    with scope.enter(place):
        for number in range(1, TABLES + 1):
            fill = _FILL.format(number=number, **_MORE.get(number, _NO_MORE))
            for first in range(1, rows + 1, _ROWS_AT_ONCE):
                with connection.cursor() as cursor:
                    cursor.execute(fill, [first, min(first + _ROWS_AT_ONCE - 1, rows)])
        for number in range(1, NUMBER + 1):
            with connection.cursor() as cursor:
                cursor.execute(_FILL_SMALL.format(number=number))
        Counter.objects.bulk_create([Counter(writer=writer) for writer in range(WRITERS)])
        with connection.cursor() as cursor:
            cursor.execute(_SIZE, [place.schema])
            tables, bytes_of_rows, bytes_in_all = cursor.fetchone()
    return {
        "id": place.tenant_id,
        "slug": slug,
        "schema": place.schema,
        "tables": tables,
        "bytes": bytes_of_rows,
        "bytes_with_indexes": bytes_in_all,
    }


def _place(slug: str) -> Any:
    from tenants.services.finding import find_tenant, placement_of

    return placement_of(find_tenant(slug))


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:]))))
