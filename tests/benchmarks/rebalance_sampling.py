"""What sampling a shard costs, and what placing a new tenant does: `… FOLDER SCHEMAS TABLES`.

Tenants are schemas with small tables and rows in control: only catalogues and counters are read.
Prints one JSON object.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import django
import psycopg

from devstack.guardian import Guardian
from devstack.stack import Stack
from tests.benchmarks.pages import markdown_table
from tests.benchmarks.rebalance_ground import RebalanceGround
from tests.fixtures.web_servers import ROOT

SCHEMAS: Final = 10_000
TABLES: Final = 10
FLEETS: Final = (1, 5, 10)
"""So many times as many tenants are placed as there are schemas."""
_SHARD: Final = "alpha"
_TIMES: Final = 5
_WRITERS: Final = 100
_AT_ONCE: Final = 200

_SCHEMAS: Final = """
    DO $$
    BEGIN
        FOR tenant IN {first} .. {last} LOOP
            EXECUTE format('CREATE SCHEMA t%s', to_char(tenant, 'FM000000'));
            FOR number IN 1 .. {tables} LOOP
                EXECUTE format('CREATE TABLE t%s.record%s (id int PRIMARY KEY)',
                               to_char(tenant, 'FM000000'), number);
            END LOOP;
        END LOOP;
    END $$
"""
_WRITE: Final = "INSERT INTO t{tenant:06d}.record1 VALUES (1)"
_COUNT: Final = "SELECT pg_stat_force_next_flush()"
"""What was written is seen by whoever looks next."""
_ALL_MEASURED: Final = """
    UPDATE rebalance_tenantsize SET bytes = 1000000, sized_at = now(), counted_when_sized = counted
    WHERE bytes IS NULL
"""
_PLACE: Final = """
    INSERT INTO placements_placement
        (tenant_id, shard_id, schema, state, epoch, generation, lease_holder, lease_purpose,
         lease_token, created_at)
    SELECT name, 'alpha', name, 'ready', 1, 'g', '', '', 0, now() - interval '9 days'
    FROM (SELECT 't' || to_char(n, 'FM000000') AS name
          FROM generate_series({first}, {last}) n) named
"""
_KNOW: Final = (
    """
    INSERT INTO rebalance_tenantsize
        (tenant_id, shard, arrived_epoch, generation, counted, rows, bytes, counted_when_sized)
    SELECT tenant_id, shard_id, 0, '', 0, 0, 1000000, 0 FROM placements_placement
    ON CONFLICT (tenant_id) DO UPDATE SET bytes = excluded.bytes
    """,
    """
    INSERT INTO rebalance_tenantrate
        (tenant_id, seen_since, day_requests, day_statements, day_rows, week_requests,
         week_statements, week_rows)
    SELECT tenant_id, now() - interval '9 days', 1, 0.1, 1, 1, 0.1, 1 FROM placements_placement
    ON CONFLICT DO NOTHING
    """,
    "ANALYZE placements_placement, rebalance_tenantsize, rebalance_tenantrate",
)


@dataclass(frozen=True, slots=True)
class Sampled:
    """What came of it.

    Attributes:
        first_s: a round in which nobody was measured before; `sized` then were.
        next_s: rounds before which all were measured and a hundred tenants have written since; the
            median.
        choosing_ms: choosing a new tenant's shard, by tenants in the fleet; the median.
    """

    schemas: int
    tables: int
    first_s: float
    sized: int
    next_s: float
    choosing_ms: dict[str, float]


def measure(schemas: int) -> Sampled:
    """On servers of its own."""
    with _servers() as ground:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.rebalance_sampling",
             str(ground.stack.folder), str(schemas), str(TABLES)],
            cwd=ROOT,
            env=ground.environment(),
            stdout=subprocess.PIPE,
            check=True,
        )  # fmt: skip
        return Sampled(**json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def _servers() -> Iterator[RebalanceGround]:
    folder = Path(tempfile.mkdtemp(prefix="atoll-sampling-"))
    folder.chmod(0o711)
    stack = Stack(folder / "stack", shards=(_SHARD,), redis=True)
    guardian = Guardian(stack)
    try:
        stack.start()
        yield RebalanceGround(stack, folder)
    finally:
        stack.destroy()
        guardian.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


def section(one: Sampled, machine: str) -> str:
    """What the page says of it."""
    rows = [
        ["a round, nobody measured before", f"{one.first_s:.2f} s, {one.sized} of them measured"],
        ["a round, a hundred have written", f"{one.next_s:.2f} s"],
        *(
            [f"choosing a new tenant's shard, fleet of {int(fleet):,}", f"{milliseconds:.1f} ms"]
            for fleet, milliseconds in one.choosing_ms.items()
        ),
    ]
    servers = f"{one.schemas:,} schemas of {one.tables} tables on one server."
    return "\n\n".join([machine, servers, markdown_table(["", "took"], rows)])


def main(folder: str, schemas: int, tables: int) -> dict[str, Any]:
    """In the process that has Django."""
    from django.db import connections

    from devstack.prepare import prepare
    from sharding.placements.services.choosing import choose_shard
    from sharding.rebalance.services.holdings import keep_holdings
    from sharding.rebalance.services.sampling import sample_shard

    stack = Stack(Path(folder), shards=(_SHARD,))
    prepare(stack)
    control, shard = (stack.admin_conninfo(name) for name in ("control", _SHARD))
    for first in range(1, schemas + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, schemas)
        _tell(shard, _SCHEMAS.format(first=first, last=last, tables=tables))
    _tell(shard, "VACUUM ANALYZE pg_catalog.pg_class")
    _tell(control, _PLACE.format(first=1, last=schemas))
    first_round = sample_shard(_SHARD)
    _tell(control, _ALL_MEASURED)
    connections["control"].close()
    took, writers = [], min(_WRITERS, schemas // _TIMES)
    for turn in range(_TIMES):
        first = 1 + turn * writers
        wrote = (_WRITE.format(tenant=tenant) for tenant in range(first, first + writers))
        _tell(shard, *wrote, _COUNT)
        took.append(sample_shard(_SHARD).seconds)
    choosing = {}
    placed = schemas
    for times in FLEETS:
        fleet = times * schemas
        if fleet > placed:
            _tell(control, _PLACE.format(first=placed + 1, last=fleet))
            placed = fleet
        _tell(control, *_KNOW)
        connections["control"].close()
        # As beat has it done every five minutes.
        keep_holdings()
        choosing[str(placed)] = _milliseconds(choose_shard)
    return asdict(
        Sampled(schemas, tables, first_round.seconds, first_round.sized, median(took), choosing)
    )


def _milliseconds(do: Callable[[], object]) -> float:
    took = []
    for _ in range(2 * _TIMES):
        began = time.perf_counter()
        do()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _tell(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.encode())


if __name__ == "__main__":
    django.setup()
    words: Sequence[str] = sys.argv[1:]
    print(json.dumps(main(words[0], int(words[1]), int(words[2]))))
