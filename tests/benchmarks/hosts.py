"""The order in which hosts are asked: written once, read by wrk for every system alike."""

import random
from itertools import accumulate
from pathlib import Path

from tests.benchmarks import systems

_SEED = 20_000_101


def in_turn(tenants: int) -> list[str]:
    """Each of the first `tenants` hosts, once."""
    return [systems.host(number) for number in range(1, tenants + 1)]


def by_zipf(tenants: int, *, draws: int = systems.ZIPF_DRAWS) -> list[str]:
    """Hosts drawn so that the k-th is asked for 1/k as often as the first; always the same ones."""
    weights = accumulate(1 / number**systems.ZIPF_EXPONENT for number in range(1, tenants + 1))
    drawn = random.Random(_SEED).choices(range(1, tenants + 1), cum_weights=list(weights), k=draws)
    return [systems.host(number) for number in drawn]


def write(path: Path, hosts: list[str]) -> Path:
    """One host a line."""
    path.write_text("\n".join(hosts) + "\n")
    return path
