"""Where one more tenant goes."""

import random
from dataclasses import replace

from sharding.placements.scoring import Candidate, Held, choose

EVEN = (1.0, 1.0, 1.0)


def measured(name: str, tenants: int, size: float, load: float = 0.0) -> Candidate:
    return Candidate(name, tenants, EVEN, Held(size * tenants, load * tenants, tenants))


def test_where_nothing_is_measured_the_fewest_tenants_by_weight_win() -> None:
    few, many = Candidate("few", 3, EVEN), Candidate("many", 9, EVEN)
    assert choose([many, few], random.sample) == "few"
    assert choose([replace(many, capacity=(4.0, 4.0, 4.0)), few], random.sample) == "many"
    assert choose([Candidate("b", 0, EVEN), Candidate("a", 0, EVEN)], random.sample) == "a"


def test_the_highest_of_all_dimensions_counts() -> None:
    assert choose([measured("big", 5, 10), measured("many", 8, 1)], random.sample) == "many"
    hot, cold = measured("hot", 5, 1, load=9), measured("cold", 6, 1, load=1)
    assert choose([hot, cold], random.sample) == "cold"


def test_those_that_nobody_has_measured_count_as_much_as_the_mean() -> None:
    """By what is observed alone the shard with the new tenants would look the emptiest."""
    old = measured("old", 10, 5)
    young = Candidate("young", 14, EVEN, Held(bytes=20, load=0, measured=4))
    assert choose([old, young], random.sample) == "old"


def test_of_many_shards_some_are_compared() -> None:
    shards = [Candidate(f"s{at:02d}", at, EVEN) for at in range(50)]
    asked: list[int] = []

    def some(of, count):
        asked.append(count)
        return list(of)[10 : 10 + count]

    assert choose(shards, some) == "s10"
    assert asked == [8]


def test_sign_ups_spread_evenly_though_their_size_shows_late() -> None:
    """And do not when only what is observed counts: the control."""
    assert highest(blind=False) < 1.3
    assert highest(blind=True) > 1.6


def highest(*, blind: bool) -> float:
    """Of 12 shards the highest part of the mean after 1,500 sign-ups that show 200 later."""
    chance = random.Random(7)
    names = [f"s{at:02d}" for at in range(12)]
    truth, count = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    seen, seen_count = dict(truth), dict(count)
    hidden: list[tuple[str, float]] = []
    for _ in range(1_500):
        shards = [
            Candidate(
                name,
                1 if blind else count[name],
                EVEN,
                Held(seen[name], 0.0, 1 if blind else seen_count[name]),
            )
            for name in names
        ]
        name, size = choose(shards, chance.sample), min(chance.paretovariate(1.5), 50)
        truth[name] += size
        count[name] += 1
        hidden.append((name, size))
        if len(hidden) > 200:
            shown, size = hidden.pop(0)
            seen[shown] += size
            seen_count[shown] += 1
    return max(truth.values()) * len(names) / sum(truth.values())
