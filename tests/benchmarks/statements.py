"""Measures single statements in this process, as the login `web`; prints JSON.

`python -m tests.benchmarks.statements ROUNDS STATEMENTS SHARD SCHEMA SCHEMA`, with the settings of
Atoll. All three modes go through Django's cursor and alternate between two tenants per statement.
"""

import json
import sys
from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

import django

_BY_KEY = "SELECT id, title, body, published FROM bench_article WHERE id = %s"
_BY_KEY_IN = "SELECT id, title, body, published FROM bench_{side}.bench_article WHERE id = %s"

Statement = Callable[[int], None]


def main(rounds: int, per_round: int, shard: str, schemas: list[str]) -> None:
    """Interleave the modes round by round, so that what disturbs one disturbs all."""
    kinds = {
        "select": _modes(shard, schemas, transaction=False),
        "transaction": _modes(shard, schemas, transaction=True),
    }
    taken: dict[str, dict[str, list[float]]] = {
        kind: {mode: [] for mode in modes} for kind, modes in kinds.items()
    }
    for number in range(rounds + 2):
        for kind, modes in kinds.items():
            for mode, run in modes.items():
                begin = perf_counter_ns()
                for side in range(per_round):
                    run(side % 2)
                each = (perf_counter_ns() - begin) / per_round / 1000
                if number >= 2:  # the first two rounds warm up
                    taken[kind][mode].append(each)
    result = {
        kind: {
            mode: {"p10_us": quantiles(times, n=10)[0], "p50_us": median(times)}
            for mode, times in modes.items()
        }
        for kind, modes in taken.items()
    }
    print(json.dumps(result))


def _modes(shard: str, schemas: list[str], *, transaction: bool) -> dict[str, Statement]:
    from django.db import connections

    from sharding import scope

    places = [
        scope.Placement(tenant_id=schema, shard=shard, schema=schema, epoch=1, generation="")
        for schema in schemas
    ]
    plain, separate = _stock(shard), _stock(shard)
    with scope.enter(places[0]):
        ours = connections[shard]
        for stock in (plain, separate):
            # django.contrib.postgres asks `connections`, which is ours, once it is connected.
            stock.connect()
    qualified = [_BY_KEY_IN.format(side=side) for side in "ab"]

    def run_plain(side: int) -> None:
        _read(plain, qualified[side], transaction=transaction)

    def run_bound(side: int) -> None:
        with scope.enter(places[side]):
            _read(ours, _BY_KEY, transaction=transaction)

    def run_separate(side: int) -> None:
        path = f"SET search_path TO bench_{'ab'[side]}, public"
        _read(separate, _BY_KEY, path, transaction=transaction)

    return {"plain": run_plain, "bound": run_bound, "separate_set": run_separate}


def _stock(shard: str) -> Any:
    """Django's own backend, logged in as `web` like ours and with the same settings."""
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper

    from sharding.registry.current import shard as server

    handler: Any = connections
    settings = handler.settings_for(shard, server(shard), pool=None)
    return DatabaseWrapper({**settings, "ENGINE": "django.db.backends.postgresql"}, shard)


def _read(connection: Any, query: str, before: str | None = None, *, transaction: bool) -> None:
    # What atomic() does, without asking `connections` for an alias.
    if transaction:
        connection.set_autocommit(False)
    with connection.cursor() as cursor:
        if before is not None:
            cursor.execute(before)
        cursor.execute(query, [1])
        cursor.fetchone()
    if transaction:
        connection.commit()
        connection.set_autocommit(True)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
