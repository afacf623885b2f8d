"""Memory of backends against reconnects, by drawing requests. Pure.

A backend keeps something of every schema that its connection has met. A connection that has met as
many as the budget says is replaced; its next one begins anew.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Final

from tests.benchmarks.systems import ZIPF_EXPONENT

_SEED: Final = 20_000_102
_LIVES: Final = 3
"""How many times, about, each connection is replaced before it is counted, and again after."""
_MOST_DRAWS: Final = 300_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What is drawn.

    Attributes:
        tenants: by Zipf's law: the k-th is asked for 1/k as often as the first.
        processes: with connections of their own; `per_process`: how many of them.
        budget: distinct schemas after which a connection is replaced; 0: it never is.
        affinity: whether all requests of a host go to one process.
        base_mb: a backend that has met none; `schema_mb`: what each schema adds.
    """

    tenants: int
    processes: int
    per_process: int
    budget: int
    affinity: bool
    base_mb: float
    schema_mb: float

    @property
    def backends(self) -> int:
        return self.processes * self.per_process


@dataclass(frozen=True, slots=True)
class Point:
    """What came of it, all backends together."""

    budget: int
    reconnects_per_1000: float
    mean_mb: float
    peak_mb: float


@cache
def draws(tenants: int) -> list[int]:
    """Tenants, counted from 1, in the order in which they are asked for; always the same."""
    weights = list(accumulate(1 / one**ZIPF_EXPONENT for one in range(1, tenants + 1)))
    asked = range(1, tenants + 1)
    return random.Random(_SEED).choices(asked, cum_weights=weights, k=_MOST_DRAWS)


def process_of(tenant: int, processes: int) -> int:
    """Where a host's hash leads, spread evenly over the tenants."""
    return (tenant * 2_654_435_761 % 2**32) * processes >> 32


def simulate(terms: Terms, *, requests: int | None = None, from_empty: bool = False) -> Point:
    """Draw requests and count.

    requests: by default as many as show the steady state. from_empty: count from the beginning,
    as a run does that was just started; else after the first half.
    """
    number = requests or min(
        _MOST_DRAWS, 2 * _LIVES * terms.backends * max(20, 3 * (terms.budget or terms.tenants))
    )
    asked = draws(terms.tenants)[:number]
    choice = random.Random(_SEED + 1)
    met: list[set[int]] = [set() for _ in range(terms.backends)]
    begin = 0 if from_empty else number // 2
    held = reconnects = total = peak = 0
    for position, tenant in enumerate(asked):
        if terms.affinity:
            first = process_of(tenant, terms.processes) * terms.per_process
            mine = met[first + choice.randrange(terms.per_process)]
        else:
            mine = met[choice.randrange(terms.backends)]
        if tenant not in mine:
            mine.add(tenant)
            held += 1
            if terms.budget and len(mine) >= terms.budget:
                held -= len(mine)
                mine.clear()
                reconnects += position >= begin
        if position >= begin:
            total += held
            peak = max(peak, held)
    counted = number - begin
    at_rest = terms.base_mb * terms.backends
    return Point(
        terms.budget,
        reconnects_per_1000=reconnects / counted * 1000,
        mean_mb=at_rest + total / counted * terms.schema_mb,
        peak_mb=at_rest + peak * terms.schema_mb,
    )


def curve(terms: Terms, budgets: tuple[int, ...]) -> Iterator[Point]:
    """A point per budget."""
    for budget in budgets:
        yield simulate(replace(terms, budget=budget))


def largest_budget(terms: Terms, within_mb: float) -> Point:
    """The point of the largest budget whose peak fits."""
    least, most = 1, terms.tenants
    best = simulate(replace(terms, budget=least))
    while least <= most:
        middle = (least + most) // 2
        point = simulate(replace(terms, budget=middle))
        if point.peak_mb <= within_mb:
            best, least = point, middle + 1
        else:
            most = middle - 1
    return best
