"""Never more than the limits say, and every slot comes back."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from sharding.pools.slots import (
    Doubt,
    Refused,
    Slot,
    SlotLimits,
    Slots,
    spare_threads,
    tenants_share,
)

SHARDS = ("alpha", "beta")
LIMITS = SlotLimits(shard=2, doubtful=3)
MOST = 1


class World:
    """Slots, what is thought of shards, and what a reader can count for himself."""

    def __init__(self):
        self.doubts = dict.fromkeys(SHARDS, Doubt.NONE)
        self.slots = Slots(lambda shard: self.doubts.get(shard, Doubt.NONE))
        self.taken = []

    def take(self, shard, tenant="", most=MOST):
        got = self.slots.take(shard, LIMITS, tenant=tenant, most=most)
        if isinstance(got, Slot):
            self.taken.append((shard, tenant, got))
        return got

    def at(self, shard):
        return sum(each[0] == shard for each in self.taken)

    def of(self, tenant):
        return sum(each[1] == tenant for each in self.taken)

    def in_doubt(self):
        return sum(self.at(shard) for shard in SHARDS if self.doubts[shard] is not Doubt.NONE)

    def give_back(self, index):
        if self.taken:
            self.taken.pop(index)[2].give_back()

    def holds(self):
        assert self.slots.in_use() == {s: n for s in SHARDS if (n := self.at(s))}
        tenants = {tenant for _, tenant, _ in self.taken if tenant}
        assert all(self.slots.of_tenant(tenant) == self.of(tenant) for tenant in tenants)
        assert self.slots.remembered() == len(self.slots.in_use()) + len(tenants)


@pytest.fixture
def world():
    return World()


def expected(world, shard, tenant):
    """What the rules say, counted anew each time."""
    doubt = world.doubts[shard]
    if doubt is Doubt.AWAY:
        return Refused.SHARD_AWAY
    if world.of(tenant) >= MOST:
        return Refused.TENANT_BUSY
    if world.at(shard) >= LIMITS.shard:
        return Refused.SHARD_BUSY
    if doubt is Doubt.SUSPECTED and world.in_doubt() >= LIMITS.doubtful:
        return Refused.SHARD_BUSY
    return None


def test_whatever_is_done_in_whatever_order_the_limits_hold():
    # Tenants a, b, c of alpha, d, e of beta; each step is one of these.
    takes = [("alpha", name) for name in "abc"] + [("beta", name) for name in "de"]
    steps = [
        *(("take", each) for each in takes),
        *(("think", (shard, doubt)) for shard in SHARDS for doubt in Doubt),
        ("oldest back", None),
        ("newest back", None),
    ]
    seen = set()

    def state(world):
        return (
            tuple(world.doubts.values()),
            tuple((shard, tenant) for shard, tenant, _ in world.taken),
        )

    def replay(path):
        world = World()
        for step in path:
            play(world, step)
        return world

    def play(world, step):
        what, of = step
        if what == "take":
            wanted = expected(world, *of)
            got = world.take(*of)
            assert (got if isinstance(got, Refused) else None) == wanted
        elif what == "think":
            world.doubts[of[0]] = of[1]
        else:
            world.give_back(0 if what == "oldest back" else -1)
        world.holds()
        assert all(world.at(shard) <= LIMITS.shard for shard in SHARDS)
        assert all(world.of(tenant) <= MOST for tenant in "abcde")

    # Every state that can be reached, by the shortest way there, and every step from it.
    paths = [()]
    while paths:
        path = paths.pop(0)
        for step in steps:
            world = replay((*path, step))
            now = state(world)
            if now not in seen:
                seen.add(now)
                paths.append((*path, step))
    assert len(seen) > 300
    everything_taken = max(len(taken) for _, taken in seen)
    assert everything_taken == 2 * LIMITS.shard


def test_shards_that_are_suspected_share_what_one_may_have(world):
    world.doubts = dict.fromkeys(SHARDS, Doubt.SUSPECTED)
    got = [world.take(shard, most=0) for shard in (*SHARDS, *SHARDS)]
    assert [isinstance(each, Slot) for each in got] == [True, True, True, False]
    assert got[-1] is Refused.SHARD_BUSY


def test_a_healthy_shard_does_not_care_what_hangs(world):
    world.doubts["alpha"] = Doubt.SUSPECTED
    for _ in range(3):
        world.take("alpha", most=0)
    assert all(isinstance(world.take("beta", most=0), Slot) for _ in range(LIMITS.shard))


def test_a_shard_that_is_away_lets_in_only_who_can_do_without(world):
    world.doubts["alpha"] = Doubt.AWAY
    assert world.take("alpha", "a") is Refused.SHARD_AWAY
    let_in = world.slots.take("alpha", LIMITS, even_if_away=True)
    assert isinstance(let_in, Slot)
    assert world.slots.in_use() == {"alpha": 1}


def test_a_slot_is_given_back_once_however_often_it_is_said(world):
    one, two = world.take("alpha", "a"), world.take("alpha", "b")
    for _ in range(3):
        one.give_back()
    assert world.slots.in_use() == {"alpha": 1}
    two.give_back()
    assert world.slots.remembered() == 0


def test_one_that_everybody_forgot_comes_back(world):
    world.slots.take("alpha", LIMITS, tenant="a", most=1)
    gc.collect()
    assert isinstance(world.slots.take("alpha", LIMITS, tenant="a", most=1), Slot)


def test_nobody_is_remembered_who_has_nothing(world):
    for number in range(10_000):
        got = world.slots.take("alpha", LIMITS, tenant=f"t{number}", most=1)
        got.give_back()
    assert world.slots.remembered() == 0


def test_without_limits_everybody_is_let_in_and_counted(world):
    world.doubts = dict.fromkeys(SHARDS, Doubt.SUSPECTED)
    free = SlotLimits(shard=0, doubtful=0)
    kept = [world.slots.take("alpha", free, tenant="a", most=0) for _ in range(50)]
    assert all(isinstance(each, Slot) for each in kept)
    assert world.slots.in_use() == {"alpha": 50}


def test_who_was_refused_is_counted_by_shard_and_reason(world):
    world.take("alpha", "a")
    world.take("alpha", "a")
    world.take("alpha", "b")
    world.take("alpha", "c")
    world.doubts["beta"] = Doubt.AWAY
    world.take("beta", "d")
    assert world.slots.refusals() == {
        ("alpha", Refused.TENANT_BUSY): 1,
        ("alpha", Refused.SHARD_BUSY): 1,
        ("beta", Refused.SHARD_AWAY): 1,
    }


def test_many_threads_at_once_never_have_more_than_there_is(world):
    limits = SlotLimits(shard=3, doubtful=0)
    inside, most_seen = [], []

    def work(_):
        for _ in range(400):
            got = world.slots.take("alpha", limits, tenant="a", most=2)
            if isinstance(got, Slot):
                inside.append(1)
                most_seen.append(len(inside))
                inside.pop()
                got.give_back()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert max(most_seen) <= 2
    assert world.slots.remembered() == 0


@pytest.mark.parametrize(
    ("threads", "shard", "tenant"),
    [(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1), (5, 2, 1), (8, 5, 3), (16, 13, 7), (32, 29, 15)],
)
def test_what_follows_from_the_number_of_threads(threads, shard, tenant):
    assert spare_threads(threads) == shard
    assert tenants_share(shard) == tenant
