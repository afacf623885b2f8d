"""How much of `make bench-fleet` is run: `ARGS="--part curve --sizes 100 1000 --sizes-15 100"`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CREATE: Final = "create"
MIGRATE: Final = "migrate"
BIG: Final = "big"
FLAT: Final = "flat"
CURVE: Final = "curve"
PARTS: Final = (CREATE, BIG, FLAT, MIGRATE, CURVE)
SMALLEST: Final = 100
"""Of the curve: ten are watched and 56 made while it is measured."""
FEWEST_TENANTS: Final = 2
FEWEST_MIGRATIONS: Final = 5
"""Those that make the tables."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of everything.

    Attributes:
        parts: what is measured; the rest of the page is of the run before.
        tenants: of each system in the comparisons.
        big_peer, big_atoll: of those with wagtail and allauth.
        flat: numbers of migrations at which a tenant is created.
        sizes, sizes_15: of the curve, on the newest PostgreSQL and on the oldest.
        quick: a hint; the page in docs stays as it is.
    """

    parts: tuple[str, ...]
    tenants: int
    big_peer: int
    big_atoll: int
    flat: tuple[int, ...]
    sizes: tuple[int, ...]
    sizes_15: tuple[int, ...]
    quick: bool


def plan_of(arguments: Sequence[str]) -> Plan:
    """The plan that the arguments ask for; one that cannot be had ends the program."""
    parser = argparse.ArgumentParser(prog="make bench-fleet", description=__doc__)
    parser.add_argument(
        "--part", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS)
    )
    parser.add_argument("--tenants", type=int, default=200, help="of each, in the comparisons")
    parser.add_argument("--sizes", type=int, nargs="*", default=(100, 1_000, 5_000))
    parser.add_argument("--sizes-15", type=int, nargs="*", default=(100, 1_000))
    parser.add_argument("--flat", type=int, nargs="+", default=(10, 100, 500), metavar="MIGRATIONS")
    parser.add_argument("--quick", action="store_true", help="a hint of some minutes")
    asked = parser.parse_args(arguments)
    least = {"tenants": FEWEST_TENANTS, "flat": FEWEST_MIGRATIONS}
    for name, fewest in {**least, "sizes": SMALLEST, "sizes_15": SMALLEST}.items():
        given = getattr(asked, name)
        if any(one < fewest for one in (given if isinstance(given, Sequence) else [given])):
            parser.error(f"--{name.replace('_', '-')} takes numbers from {fewest} on")
    if asked.quick:
        return Plan(tuple(asked.part), 20, 1, 5, (10, 50), (100,), (), quick=True)
    return Plan(
        parts=tuple(asked.part),
        tenants=asked.tenants,
        big_peer=5,
        big_atoll=50,
        flat=tuple(asked.flat),
        sizes=tuple(asked.sizes),
        sizes_15=tuple(asked.sizes_15),
        quick=False,
    )
