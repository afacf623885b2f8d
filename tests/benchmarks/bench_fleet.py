"""`make bench-fleet`: making tenants and migrating all of them, beside django-tenants.

ARGS="--help" says how to measure a part of it; what is not measured is of the run before.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from tests.benchmarks import fleet_page, hosts, systems, wrk
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.fleet_last import read_last
from tests.benchmarks.fleet_many import write_migrations
from tests.benchmarks.fleet_page import Beside, Flat, Point, Results
from tests.benchmarks.fleet_plan import BIG, CREATE, CURVE, FLAT, MIGRATE, Plan, plan_of
from tests.benchmarks.ground import SHARD, Ground, ground
from tests.benchmarks.gunicorn import serve
from tests.benchmarks.systems import SYSTEMS, System
from tests.fixtures.web_servers import ROOT, WebServer, environment_of

OLDEST: Final = Path(os.environ.get("ATOLL_PG15_BIN", "/usr/lib/postgresql/15/bin"))
_WATCHED: Final = 10
"""Tenants that are asked over HTTP while others are made and migrated."""
_LOAD: Final = wrk.Load(seconds=10, connections=2)
_CREATED_ALONE: Final = 20
_CREATED_UNDER_WATCH: Final = 8
_IN_TURN: Final = 20
"""Tenants that one side makes before the other has its turn."""
_PEER_CREATED: Final = 3
"""Each of them runs all migrations; there is no second way that it could go."""

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared, in one ground."""

    made: Ground
    system: System
    module: str
    settings: str
    big: bool = False
    migrations: str = ""

    def run(self, *step: str, release: int = 1, seed: bool = False) -> Answer:
        """One step in a process of its own; what it answers."""
        done = subprocess.run(
            [sys.executable, "-m", self.module, *step],
            cwd=ROOT,
            env=self.environment(release=release, seed=seed),
            stdout=subprocess.PIPE,
            check=True,
        )
        answer: Answer = json.loads(done.stdout.splitlines()[-1])
        return answer

    def environment(self, *, release: int = 1, seed: bool = False) -> dict[str, str]:
        """What its processes find."""
        return environment_of(
            {
                **self.made.environment(self.system, settings=self.settings),
                "BENCH_RELEASE": str(release),
                "BENCH_BIG": "1" if self.big else "",
                "BENCH_SEED": "1" if seed else "",
                "BENCH_MIGRATIONS": self.migrations,
                "PYTHONPATH": os.pathsep.join(
                    map(str, (ROOT, ROOT / "platform", self.made.folder))
                ),
            }
        )


def main() -> None:
    plan = plan_of(sys.argv[1:])
    wrk.require_wrk()
    results = read_last()
    for part in plan.parts:
        for measured in _MEASURES[part](plan, results):
            # What was measured before another part fails is told.
            fleet_page.report(measured, quick=plan.quick)
            results = measured


def _measure_create(plan: Plan, last: Results) -> Iterator[Results]:
    with ground(plan.tenants) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        beside = _create(made, plan)
        tables = _tables(made)
    yield last.with_beside(beside, machine, CREATE, tables=tables)


def _measure_migrate(plan: Plan, last: Results) -> Iterator[Results]:
    with ground(plan.tenants) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        beside = _migrate(made, plan)
    yield last.with_beside(beside, machine, MIGRATE)


def _measure_big(plan: Plan, last: Results) -> Iterator[Results]:
    with ground(plan.big_atoll) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        beside = _big(made, plan)
    yield last.with_beside(beside, machine, BIG)


def _measure_flat(plan: Plan, last: Results) -> Iterator[Results]:
    before = this_machine()
    flat: list[Flat] = []
    for number in plan.flat:
        one, major = _flat(number)
        flat.append(one)
        machine = replace(before, versions={**before.versions, "PostgreSQL": str(major)})
        yield replace(last, flat=tuple(flat), machines={**last.machines, FLAT: machine})


def _measure_curve(plan: Plan, last: Results) -> Iterator[Results]:
    machine = this_machine()
    points: list[Point] = []
    sizes: list[tuple[int, Path | None]] = [(size, None) for size in plan.sizes]
    if OLDEST.is_dir():
        sizes += [(size, OLDEST) for size in plan.sizes_15]
    for size, pg_bin in sizes:
        points.append(_point(size, pg_bin))
        yield replace(last, points=tuple(points), machines={**last.machines, CURVE: machine})


_MEASURES: Final[dict[str, Callable[[Plan, Results], Iterator[Results]]]] = {
    CREATE: _measure_create,
    BIG: _measure_big,
    FLAT: _measure_flat,
    MIGRATE: _measure_migrate,
    CURVE: _measure_curve,
}


def _sides(made: Ground, *, big: bool = False, migrations: str = "") -> tuple[Side, Side]:
    by_name = {system.name: system for system in SYSTEMS}
    settings = "tests.benchmarks.settings"
    peer = Side(
        made, by_name["django_tenants"], "tests.benchmarks.fleet_peer",
        f"{settings}.fleet_django_tenants", big, migrations,
    )  # fmt: skip
    ours = Side(
        made, by_name["atoll"], "tests.benchmarks.fleet_atoll", f"{settings}.fleet_atoll", big,
        migrations,
    )  # fmt: skip
    return peer, ours


def _create(made: Ground, plan: Plan) -> list[Beside]:
    """Turn about, so that all meet the same neighbours on the machine."""
    peer, ours = _sides(made)
    _say(f"{plan.tenants} tenants of each")
    peer.run("prepare")
    _refuse_without_image(ours.run("prepare", str(made.stack.folder), SHARD))
    theirs, spare, image = [], [], []
    for first in range(1, plan.tenants + 1, _IN_TURN):
        end = min(first + _IN_TURN, plan.tenants + 1)
        middle = (first + end) // 2
        theirs += peer.run("create", str(first), str(end))["seconds"]
        spare += ours.run("create", SHARD, str(first), str(middle), "0", "spares")["seconds"]
        image += ours.run("create", SHARD, str(middle), str(end))["seconds"]
    return _created(theirs, spare, image, names=("create", "create_from_image"), goal=5)


def _created(
    theirs: Sequence[float],
    spare: Sequence[float],
    image: Sequence[float],
    *,
    names: tuple[str, str],
    goal: float,
) -> list[Beside]:
    return [
        Beside(name, _ms(median(theirs)), None, _ms(median(seconds)), goal)
        for name, seconds in zip(names, (spare, image), strict=True)
    ]


def _migrate(made: Ground, plan: Plan) -> list[Beside]:
    """Both, at the same number of tenants, step by step."""
    peer, ours = _sides(made)
    number = plan.tenants
    _say(f"{number} tenants of each, to be migrated")
    peer.run("prepare")
    peer.run("create", "1", str(number + 1))
    _refuse_without_image(ours.run("prepare", str(made.stack.folder), SHARD))
    _many(ours, 1, number + 1)
    made.settle()
    beside = []
    for name, release, goals in (
        ("noop_per_tenant", 1, (500, None)),
        ("add_column_per_tenant", 2, (50, 25)),
        ("run_python_per_tenant", 3, (2, None)),
    ):
        _say(name)
        took = _migrated(peer, ours, release=release, tenants=number)
        standard, parallel, our_own = (_ms(seconds / number) for seconds in took)
        beside.append(Beside(name, standard, parallel, our_own, *goals))
    return beside


def _migrated(peer: Side, ours: Side, *, release: int, tenants: int) -> tuple[float, float, float]:
    """What the peer's two executors and ours took for all tenants."""
    standard = peer.run("migrate", "standard", release=release)["seconds"]
    if release == 1:
        ours_took = ours.run("no-op", release=release)["seconds"]
        parallel = peer.run("migrate", "multiprocessing", release=release)["seconds"]
    else:
        answer = ours.run("migrate", release=release)
        if (answer["state"], answer["taken"]) != ("done", tenants):
            raise SystemExit(f"Atoll's fleet migration did not do what is measured: {answer}")
        ours_took = answer["seconds"]
        # There is no way back but the same work: its other executor gets the same tenants anew.
        parallel = _by_processes(peer, release=release)
    return standard, parallel, ours_took


def _by_processes(peer: Side, *, release: int) -> float:
    peer.run("undo", str(release), release=release)
    took: float = peer.run("migrate", "multiprocessing", release=release)["seconds"]
    return took


def _big(made: Ground, plan: Plan) -> list[Beside]:
    """Creation with wagtail and allauth in every tenant."""
    _say("wagtail and allauth")
    peer, ours = _sides(made, big=True)
    peer.run("prepare")
    theirs = peer.run("create", "1", str(plan.big_peer + 1))["seconds"]
    _refuse_without_image(ours.run("prepare", str(made.stack.folder), SHARD))
    middle, end = plan.big_atoll // 2 + 1, plan.big_atoll + 1
    spare = ours.run("create", SHARD, "1", str(middle), "0", "spares")["seconds"]
    image = ours.run("create", SHARD, str(middle), str(end))["seconds"]
    names = ("create_big", "create_big_from_image")
    return _created(theirs, spare, image, names=names, goal=100)


def _flat(number: int) -> tuple[Flat, int]:
    """Creation with so many migrations, whose tables are the same at the end."""
    _say(f"{number} migrations")
    with ground(2 * _CREATED_ALONE) as made:
        peer, ours = _sides(made, migrations=write_migrations(made.folder, number))
        peer.run("prepare")
        theirs = peer.run("create", "1", str(_PEER_CREATED + 1))["seconds"]
        _refuse_without_image(ours.run("prepare", str(made.stack.folder), SHARD))
        end = _CREATED_ALONE + 1
        spare = ours.run("create", SHARD, "1", str(end), "0", "spares")["seconds"]
        image = ours.run("create", SHARD, str(end), str(end + _CREATED_ALONE))["seconds"]
        flat = Flat(
            migrations=number,
            standard=_ms(median(theirs)),
            image=_ms(median(image)),
            spare=_ms(median(spare)),
        )
        return flat, made.stack.major


def _point(size: int, pg_bin: Path | None) -> Point:
    """Atoll alone, at one number of tenants."""
    with ground(size, pg_bin=pg_bin) as made:
        _, ours = _sides(made)
        _say(f"{size} tenants on PostgreSQL {made.stack.major}")
        _refuse_without_image(ours.run("prepare", str(made.stack.folder), SHARD))
        ours.run("create", SHARD, "1", str(_WATCHED + 1), seed=True)
        # The last ones are made while it is measured: a server has room for just 5,000 of them.
        spared_from = size + 1 - 2 * _CREATED_ALONE - 2 * _CREATED_UNDER_WATCH
        alone_from = spared_from + _CREATED_ALONE
        watched_from = alone_from + _CREATED_ALONE
        image_from = watched_from + _CREATED_UNDER_WATCH
        _many(ours, _WATCHED + 1, spared_from)
        made.settle()
        spared = ours.run("create", SHARD, str(spared_from), str(alone_from), "0", "spares")
        alone = ours.run("create", SHARD, str(alone_from), str(watched_from))["seconds"]
        no_op = ours.run("no-op")["seconds"]
        drift = ours.run("drift", SHARD)["seconds"]
        with _served(ours) as server:
            quiet = _p99(server, made)
            spare_words = (SHARD, str(watched_from), str(image_from), "1", "spares")
            with _beside_it(ours, "create", *spare_words):
                while_spared = _p99(server, made)
            with _beside_it(ours, "create", SHARD, str(image_from), str(size + 1), "1"):
                while_made = _p99(server, made)
            with _beside_it(ours, "migrate", release=2) as answered:
                while_migrated = _p99(server, made)
            column = answered[0]["seconds"]
            memory = _backend_memory(made)
        return Point(
            major=made.stack.major,
            tenants=size,
            create=_ms(median(spared["seconds"])),
            create_from_image=_ms(median(alone)),
            spare=_ms(median(spared["making"])),
            noop_deploy=_ms(no_op),
            add_column=_ms(column),
            others_p99=quiet,
            others_p99_rise=while_spared - quiet,
            others_p99_rise_from_image=while_made - quiet,
            others_p99_rise_in_migration=while_migrated - quiet,
            drift=_ms(drift),
            catalogue_mb=_catalogue_bytes(made) / 2**20,
            backend_mb=memory / 2**20,
        )


def _many(ours: Side, first: int, end: int) -> None:
    """Two processes at once, as `create_tenants` would."""
    middle = (first + end) // 2
    halves = [(first, middle), (middle, end)]
    threads = [
        threading.Thread(target=ours.run, args=("create", SHARD, str(begin), str(until)))
        for begin, until in halves
        if until > begin
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def _served(ours: Side) -> Iterator[WebServer]:
    server = serve(
        "atoll",
        ours.system.application,
        environment=ours.environment(),
        log=ours.made.folder / "fleet.log",
    )
    try:
        server.wait_until_it_serves(systems.WORKLOADS[0].path, systems.host(1))
        order = hosts.write(ours.made.folder / "watched", hosts.in_turn(_WATCHED))
        wrk.run(server.address, systems.WORKLOADS[0].path, order, wrk.Load(3, 8))
        yield server
    finally:
        server.stop()


@contextmanager
def _beside_it(ours: Side, *step: str, release: int = 1) -> Iterator[list[Answer]]:
    """A step that runs while the block does, and has ended when the block is left."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ours.run(*step, release=release)))
    thread.start()
    yield answers
    thread.join()


def _p99(server: WebServer, made: Ground) -> float:
    path = systems.WORKLOADS[0].path
    return wrk.run(server.address, path, made.folder / "watched", _LOAD).p99_ms


def _tables(made: Ground) -> tuple[int, int]:
    """How many tables a tenant has: the peer's, ours."""
    peer, _ = _sides(made)
    with psycopg.connect(made.stack.admin_conninfo(SHARD, "shard")) as admin:
        row = admin.execute(
            "SELECT count(*) FROM pg_tables"
            " WHERE schemaname = (SELECT min(schema) FROM atoll.tenant_schema)"
        ).fetchone()
    assert row is not None
    return peer.run("tables")["tables"], int(row[0])


def _catalogue_bytes(made: Ground) -> int:
    with psycopg.connect(made.stack.admin_conninfo(SHARD, "shard")) as admin:
        row = admin.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _backend_memory(made: Ground) -> int:
    """Private bytes of the largest backend of `web`, as the kernel counts them."""
    with psycopg.connect(made.stack.admin_conninfo(SHARD)) as admin:
        pids = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = 'shard' AND usename = %s",
            [made.stack.registry().shards[SHARD].web.user],
        ).fetchall()
    return max((_private_bytes(pid) for (pid,) in pids), default=0)


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = (int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return sum(kilobytes) * 1024


def _refuse_without_image(prepared: Answer) -> None:
    if prepared["refused"]:
        raise SystemExit(f"There is no image, so that nothing could be compared: {prepared}")


def _ms(seconds: float) -> float:
    return seconds * 1000


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
