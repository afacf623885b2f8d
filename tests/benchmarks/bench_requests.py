"""`make bench-requests`: requests per second beside plain Django and django-tenants.

Environment: BENCH_QUICK=1 for a run of three minutes whose figures are only a hint;
BENCH_SECONDS, BENCH_ROUNDS, BENCH_TENANTS, BENCH_CONNECTIONS change one thing each.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sharding.pools.conf import SCHEMAS_PER_CONNECTION
from tests.benchmarks import bench_statements, figures, hosts, systems, wrk
from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.gunicorn import THREADS, WORKERS, serve
from tests.benchmarks.pages import publish
from tests.benchmarks.systems import SYSTEMS, WORKLOADS, System, Workload
from tests.fixtures.web_servers import WebServer

_WARM_PATH = "/bench/warm/"
_WARM_ROUNDS_AT_MOST = 12
_WARM_REQUESTS_PER_TENANT_AND_THREAD = 3
"""Threads take requests as they come; by chance 95 % of the pairs have met after three each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often."""

    quick: bool
    seconds: float
    rounds: int
    tenants: int
    connections: int
    """Of wrk, kept open: as many as both workers have threads."""


class UnusablePlan(Exception):
    """A variable asks for what cannot be measured."""

    def __init__(self, name: str, found: str, least: int) -> None:
        super().__init__(f"{name}={found[:20]} will not do: a whole number from {least} on.")


def plan_of(environment: os._Environ[str] | dict[str, str]) -> Plan:
    """The plan that the environment asks for.

    Raises:
        UnusablePlan: a variable is no number, or too small for anything to be measured.
    """
    quick = environment.get("BENCH_QUICK", "") not in ("", "0")

    def number(name: str, *, full: int, fast: int, least: int = 1) -> int:
        text = environment.get(name, "") or str(fast if quick else full)
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise UnusablePlan(name, text, least)
        return int(text)

    return Plan(
        quick=quick,
        # Many short rounds: a neighbour on the same machine who takes a CPU for some seconds then
        # spoils a few figures of one system, which the medians leave out.
        seconds=number("BENCH_SECONDS", full=1, fast=1),
        rounds=number("BENCH_ROUNDS", full=9, fast=2),
        tenants=number("BENCH_TENANTS", full=systems.TENANTS, fast=40, least=systems.IN_TURN),
        connections=number("BENCH_CONNECTIONS", full=WORKERS * THREADS, fast=WORKERS * THREADS),
    )


def main() -> None:
    try:
        wrk.require_wrk()
        plan = plan_of(os.environ)
    except (wrk.WrkMissing, UnusablePlan) as error:
        sys.exit(str(error))
    _say(f"{plan}: about {_minutes(plan)} minutes")
    with ground(plan.tenants) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        _build(made)
        rounds = _measure(made, plan)
        page = _page(plan, machine, rounds)
        raw = {**figures.as_json(rounds), "plan": asdict(plan), "machine": asdict(machine)}
        publish("requests", page=page, figures=raw, quick=plan.quick)
        statements = bench_statements.measure(made, quick=plan.quick)
    bench_statements.report(statements, machine, quick=plan.quick)


def _build(made: Ground) -> None:
    for system in SYSTEMS:
        if system.name == system.database:
            _say(f"making the data of {system.label}")
            build = systems.BUILD_SETTINGS.get(system.name)
            made.build(system, settings=build)
    made.settle()


def _measure(made: Ground, plan: Plan) -> figures.Rounds:
    orders = {
        False: hosts.write(made.folder / "in-turn", hosts.in_turn(systems.IN_TURN)),
        True: hosts.write(made.folder / "zipf", hosts.by_zipf(plan.tenants)),
    }
    everyone = hosts.write(made.folder / "everyone", hosts.in_turn(plan.tenants))
    measured: dict[tuple[str, str], list[wrk.Measured]] = defaultdict(list)
    with _serving(made) as running:
        for system in SYSTEMS:
            _prove(running[system.name], system)
            _warm(running[system.name], system, everyone, plan)
        load = wrk.Load(plan.seconds, plan.connections)
        for number in range(plan.rounds):
            for workload in WORKLOADS:
                # Each round begins with another system, so that none always follows the same one.
                for system in _rotated(number):
                    hosts_file = orders[workload.zipf]
                    address = running[system.name].address
                    # Half a minute went by in which nobody asked it: what processes remember of
                    # hosts for some seconds is filled again first, as it is under steady load.
                    wrk.run(address, workload.path, hosts_file, load)
                    run = wrk.run(address, workload.path, hosts_file, load)
                    measured[workload.name, system.name].append(run)
                _say_round(number, workload, measured)
    return measured


@contextmanager
def _serving(made: Ground) -> Iterator[dict[str, WebServer]]:
    """All systems at once: an idle one costs nothing, and every one stays warm."""
    with ExitStack() as all_of_them:
        running = {}
        for system in SYSTEMS:
            server = serve(
                system.name,
                system.application,
                environment=made.environment(system),
                log=made.folder / f"{system.name}.log",
            )
            all_of_them.callback(server.stop)
            running[system.name] = server
        for server in running.values():
            server.wait_until_it_serves(WORKLOADS[0].path, systems.host(1))
        yield running


def _prove(server: WebServer, system: System) -> None:
    """Both views answer with the tenant's own rows, or the figures would mean nothing."""
    for number in (1, 2, systems.IN_TURN):
        wanted = "plain" if system.database == "plain" else systems.slug(number)
        for workload in WORKLOADS:
            status, body = server.get(workload.path, systems.host(number))
            if status != 200 or f"of {wanted}" not in body:
                raise wrk.RequestsFailed(f"{system.name}: {workload.path} said {status}: {body}")


def _warm(server: WebServer, system: System, everyone: Path, plan: Plan) -> None:
    """Ask every tenant until each thread of both workers has probably met all of them."""
    schemas = 1 if system.database == "plain" else plan.tenants
    still = _WARM_REQUESTS_PER_TENANT_AND_THREAD * WORKERS * THREADS * schemas
    load = wrk.Load(1 if plan.quick else 3, plan.connections)
    for workload in WORKLOADS[:2]:
        wrk.run(server.address, workload.path, everyone, load)
    for _ in range(_WARM_ROUNDS_AT_MOST):
        if still <= 0:
            break
        still -= wrk.run(server.address, _WARM_PATH, everyone, load).requests
    _say(f"{server.name} is warm")


def _rotated(number: int) -> tuple[System, ...]:
    start = (number * 3) % len(SYSTEMS)
    return SYSTEMS[start:] + SYSTEMS[:start]


def _say_round(
    number: int, workload: Workload, measured: dict[tuple[str, str], list[wrk.Measured]]
) -> None:
    rates = " ".join(
        f"{system.name}={measured[workload.name, system.name][-1].requests_per_second:.0f}"
        for system in SYSTEMS
    )
    _say(f"round {number + 1} {workload.name}: {rates}")


def _minutes(plan: Plan) -> int:
    runs = plan.rounds * len(SYSTEMS) * len(WORKLOADS)
    return round((runs * 2 * (plan.seconds + 0.3) + plan.tenants * 0.6 + 60) / 60)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _page(plan: Plan, machine: Machine, rounds: figures.Rounds) -> str:
    template = Path(__file__).with_name("requests.md.in").read_text()
    return template.format(
        machine=machine.sentence(),
        seconds=f"{plan.seconds:.0f}",
        rounds=plan.rounds,
        tenants=plan.tenants,
        connections=plan.connections,
        workers=WORKERS,
        threads=THREADS,
        schemas=SCHEMAS_PER_CONNECTION,
        in_turn=systems.IN_TURN,
        tables=figures.tables(rounds, tenants=plan.tenants),
        goals=figures.goals(rounds, budget=True),
        goals_without=figures.goals(rounds, budget=False),
    ).strip()


if __name__ == "__main__":
    main()
