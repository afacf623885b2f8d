"""`make bench-statements`: the cost of one statement, plain, bound and behind a separate SET.

Part of `make bench-requests` too. BENCH_QUICK=1 for a hint in seconds.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import psycopg

from sharding.registry.toml_file import write_registry
from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.ground import SHARD, Ground, ground
from tests.benchmarks.pages import markdown_table, publish
from tests.benchmarks.systems import BUILD_SETTINGS, SYSTEMS
from tests.fixtures.web_servers import ROOT, environment_of

_ATOLL = next(system for system in SYSTEMS if system.name == "atoll")
_ROUNDS = 150
_STATEMENTS_PER_ROUND = 200
_WAYS = (
    ("socket", "over a socket"),
    ("tcp", "over 127.0.0.1"),
)
_KINDS = (
    ("select", "one SELECT by primary key, autocommit"),
    ("transaction", "a transaction of one such SELECT"),
)
_MODES = (
    ("plain", "plain: stock backend, no tenant"),
    ("bound", "bound: Atoll's backend"),
    ("separate_set", "separate SET search_path"),
)

# What plain statements read: the login `web` has no right to a tenant's table but as its role.
# Copies in schemas of their own, so that all three modes alternate between two tenants.
_COPIES = """
    CREATE SCHEMA bench_{side};
    CREATE TABLE bench_{side}.bench_article
        (LIKE "{schema}".bench_article INCLUDING DEFAULTS INCLUDING INDEXES);
    INSERT INTO bench_{side}.bench_article SELECT * FROM "{schema}".bench_article;
    GRANT USAGE ON SCHEMA bench_{side} TO web;
    GRANT SELECT ON bench_{side}.bench_article TO web;
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one statement (or transaction) takes from a client's side, in microseconds."""

    way: str
    kind: str
    mode: str
    p10_us: float
    p50_us: float


def main() -> None:
    quick = os.environ.get("BENCH_QUICK", "") not in ("", "0")
    with ground(tenants=2) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        made.build(_ATOLL, settings=BUILD_SETTINGS["atoll"])
        made.settle()
        costs = measure(made, quick=quick)
    report(costs, machine, quick=quick)


def measure(made: Ground, *, quick: bool) -> list[Cost]:
    """Both ways to the server, each in a process of its own."""
    schemas = _two_schemas(made)
    with psycopg.connect(made.stack.admin_conninfo(SHARD), autocommit=True) as admin:
        for side, schema in zip("ab", schemas, strict=True):
            admin.execute(_COPIES.format(side=side, schema=schema).encode())
        admin.execute("VACUUM ANALYZE")
    rounds = _ROUNDS // 10 if quick else _ROUNDS
    costs = []
    for way, _ in _WAYS:
        environment = made.environment(_ATOLL)
        environment["ATOLL_REGISTRY"] = str(_registry(made, way))
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.benchmarks.statements",
                str(rounds), str(_STATEMENTS_PER_ROUND), SHARD, *schemas,
            ],
            cwd=ROOT,
            env=environment_of(environment),
            stdout=subprocess.PIPE,
            check=True,
        )  # fmt: skip
        for kind, modes in json.loads(done.stdout).items():
            for mode, percentiles in modes.items():
                costs.append(Cost(way, kind, mode, **percentiles))
    return costs


def report(costs: list[Cost], machine: Machine, *, quick: bool) -> None:
    """Print and write the table."""
    page = (
        Path(__file__)
        .with_name("statements.md.in")
        .read_text()
        .format(machine=machine.sentence(), tables=_tables(costs))
        .strip()
    )
    raw = {"costs": [asdict(cost) for cost in costs], "machine": asdict(machine)}
    publish("statements", page=page, figures=raw, quick=quick)


def _two_schemas(made: Ground) -> tuple[str, str]:
    with psycopg.connect(made.stack.admin_conninfo(SHARD), autocommit=True) as admin:
        found = admin.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'bench_article'"
            " AND schemaname LIKE 't%' ORDER BY 1 LIMIT 2"
        ).fetchall()
    (first,), (second,) = found
    return first, second


def _registry(made: Ground, way: str) -> Path:
    if way == "tcp":
        return made.stack.files.registry
    sockets = str(made.stack.server(SHARD).site.sockets)
    registry = made.stack.registry()
    shard = registry.shards[SHARD]
    local = replace(shard.direct, host=sockets)
    shards = {SHARD: replace(shard, direct=local, pooled=local)}
    path = made.folder / "registry-by-socket.toml"
    write_registry(path, replace(registry, shards=MappingProxyType(shards)))
    return path


def _tables(costs: list[Cost]) -> str:
    by_key = {(cost.way, cost.kind, cost.mode): cost for cost in costs}
    parts = []
    for kind, title in _KINDS:
        rows = []
        for mode, label in _MODES:
            row = [label]
            for way, _ in _WAYS:
                cost, plain = by_key[way, kind, mode], by_key[way, kind, "plain"]
                more = cost.p50_us - plain.p50_us
                row += [f"{cost.p10_us:.0f}", f"{cost.p50_us:.0f}", f"{more:+.0f}"]
            rows.append(row)
        header = [title]
        for _, label in _WAYS:
            header += [f"{label}: p10, µs", "p50, µs", "to plain"]
        parts.append(markdown_table(header, rows))
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
