"""How much of `make bench-shards` is run: `ARGS="--only sigstop --server gthread --rounds 1"`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.shards_cases import ATOLL, CASES, STOCK, Case, System
from tests.fixtures.downs import Times
from tests.fixtures.two_shards import KINDS, Kind

_STARTS_SECONDS = 9
"""Of a web server that starts, is warmed and stops."""
_BUILD_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, how often and how long.

    Attributes:
        rounds: of Atoll; `stock_rounds`: of stock Django.
        per_second: requests for the shard that stays well, and for the one that does not.
        part: whether anything was left out, so that the page in docs stays as it is.
        again: whether the cases take their place in the last whole run, whose page is written anew.
    """

    cases: tuple[Case, ...]
    kinds: tuple[Kind, ...]
    systems: tuple[System, ...]
    rounds: int
    stock_rounds: int
    times: Times
    per_second: tuple[float, float]
    tenants: int
    costs: bool
    part: bool
    again: bool

    def runs(self) -> list[tuple[int, Case, Kind, System]]:
        """Every run in its order: what is compared stands near to each other in time."""
        return [
            (number, case, kind, system)
            for number in range(max(self.rounds, self.stock_rounds))
            for case in self.cases
            for kind in self.kinds
            for system in self.systems
            if number < (self.rounds if system is ATOLL else self.stock_rounds)
        ]

    @property
    def minutes(self) -> int:
        """About how long it takes."""
        times = self.times
        each = times.warm + times.before + times.during + times.after + _STARTS_SECONDS
        return round((len(self.runs()) * each + _BUILD_SECONDS) / 60)


def plan_of(arguments: Sequence[str]) -> Plan:
    """The plan that the arguments ask for; one that cannot be had ends the program."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="make bench-shards", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", choices=names, metavar="CASE", help=" ".join(names))
    which.add_argument(
        "--again",
        nargs="+",
        choices=[case.name for case in CASES if case.by_default],
        metavar="CASE",
        help="measure these anew and put them into the last whole run",
    )
    parser.add_argument("--server", choices=KINDS)
    parser.add_argument("--system", choices=[ATOLL.name, STOCK.name])
    parser.add_argument("--rounds", type=_whole, default=3, help="of Atoll; 3")
    parser.add_argument("--stock-rounds", type=_whole, default=1, help="of stock Django; 1")
    parser.add_argument("--seconds", type=_whole, default=20, help="of each phase; 20")
    parser.add_argument("--per-second", type=_whole, default=100, help="for the other shard; 100")
    parser.add_argument("--no-costs", action="store_true", help="leave the costs per request out")
    asked = parser.parse_args(arguments)
    wanted = asked.only or asked.again
    part = bool(asked.only or asked.server or asked.system)
    seconds = float(asked.seconds)
    return Plan(
        cases=tuple(case for case in CASES if (case.name in wanted if wanted else case.by_default)),
        kinds=(asked.server,) if asked.server else KINDS,
        systems=tuple(one for one in (ATOLL, STOCK) if asked.system in (None, one.name)),
        rounds=asked.rounds,
        stock_rounds=asked.stock_rounds,
        times=Times(warm=3, before=seconds, during=seconds, after=seconds),
        per_second=(float(asked.per_second), asked.per_second * 0.4),
        tenants=5,
        costs=not asked.no_costs and not asked.again,
        part=part or (asked.rounds, asked.seconds, asked.no_costs) != (3, 20, False),
        again=bool(asked.again),
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10_000):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no whole number from 1 on")
    return int(text)
