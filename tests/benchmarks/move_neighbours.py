"""Neighbours of a moving tenant, which write: `python -m …`, the plan on stdin, until stdin ends.

One row after the other would be bound by commits; so each writes a batch of about 64 kB, takes as
many old rows away, and the next one is due.
"""

import json
import sys
import threading
import time
from typing import Any

import psycopg

from sharding.backend.prefix import prefix_for
from sharding.scope.types import Placement

BATCH_MB = 0.076
"""Of WAL, as measured."""
_THREADS = 2

_WRITE = b"""
    WITH gone AS (
        DELETE FROM bench_article
        WHERE id <= (SELECT max(id) - 1000 FROM bench_article)
    )
    INSERT INTO bench_article (title, body, published)
    SELECT 'a neighbour', repeat(md5(random()::text), 18), true FROM generate_series(1, 100)
"""


def write(plan: dict[str, Any], number: int, over: threading.Event) -> None:
    """One of the threads."""
    mine = plan["neighbours"][number::_THREADS]
    every = _THREADS * BATCH_MB / plan["mb_per_second"]
    due = time.monotonic()
    with psycopg.connect(**plan["shard"], autocommit=True) as connection:
        while True:
            for tenant in mine:
                prefix = prefix_for(Placement(tenant, "any", tenant, 1, "g"))
                connection.execute(prefix.sql + _WRITE)
                # Who is behind does not make up for it: the rate is an upper bound.
                due = max(due + every, time.monotonic() - every)
                if over.wait(max(0.0, due - time.monotonic())):
                    return


def main() -> None:
    plan = json.loads(sys.stdin.buffer.readline())
    over = threading.Event()
    threads = [threading.Thread(target=write, args=(plan, n, over)) for n in range(_THREADS)]
    for thread in threads:
        thread.start()
    sys.stdin.buffer.read()
    over.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
