"""What a request pays for deadline and slots: `python -m … SHARD HOST`, prints JSON.

In one process and thread, on a server that is well: microseconds of CPU, since that is what two
kinds of a wait differ by; the wait itself is the server's.
"""

import json
import sys
from collections.abc import Callable
from statistics import median
from time import thread_time_ns

import django

_ROUNDS = 31
_TIMES = 400


def main(shard: str, host: str) -> None:
    """Interleave what is compared, round by round."""
    print(json.dumps({**deadline(shard), **slots(host)}))


def deadline(shard: str) -> dict[str, float]:
    """A statement on psycopg's own connection, and on ours."""
    import psycopg

    from sharding.pools.deadline import deadlined_for
    from sharding.registry.current import shard as server_of

    server = server_of(shard)
    at = {
        "host": server.pooled.host,
        "port": server.pooled.port,
        "dbname": server.pooled.dbname,
        "user": server.web.user,
        "password": server.web.password,
    }
    with (
        psycopg.connect(**at, autocommit=True) as stock,
        deadlined_for(shard).connect(**at, autocommit=True) as ours,
    ):
        stock_us, ours_us = compared(
            lambda: stock.execute("SELECT 1"), lambda: ours.execute("SELECT 1")
        )
    return {"statement_us": stock_us, "deadline_us": ours_us - stock_us}


def slots(host: str) -> dict[str, float]:
    """A slot of shard and tenant, taken and given back."""
    from sharding.pools.slots import Slot
    from tenants.directory.lookup import lookup
    from tenants.slots import held, take_slot

    entry = lookup(host)

    def one() -> None:
        slot = take_slot(entry)
        assert isinstance(slot, Slot)
        with held(slot):
            pass

    def nothing() -> None:
        pass

    without_us, with_us = compared(nothing, one)
    return {"slots_us": with_us - without_us}


def compared(*works: Callable[[], object]) -> list[float]:
    """Microseconds of CPU of each, medians over the rounds."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(_ROUNDS + 2):
        for work, times in zip(works, taken, strict=True):
            began = thread_time_ns()
            for _ in range(_TIMES):
                work()
            each = (thread_time_ns() - began) / _TIMES / 1000
            if number >= 2:  # the first two warm up
                times.append(each)
    return [median(times) for times in taken]


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:3])
