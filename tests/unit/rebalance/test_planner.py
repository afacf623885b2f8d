"""Plans of worlds that were made by hand."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from sharding.rebalance.core import planner
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import LeftAlone, Plan, Why, WhyNot
from sharding.rebalance.core.standing import why_not_now
from sharding.rebalance.core.types import GIGABYTE, Dimension, Policy, TenantLoad, World
from tests.unit.rebalance.worlds import NOW, after, shard, tenants, world

CROWDED = world(
    [shard("alpha"), shard("beta"), shard("gamma")],
    tenants("alpha", 60),
    tenants("beta", 40),
    tenants("gamma", 41),
)


def left_of(found: Plan, tenant_or_shard: str) -> LeftAlone:
    return next(
        one
        for one in found.left
        if tenant_or_shard in (one.tenant_id, "" if one.tenant_id else one.shard)
    )


def test_a_crowded_shard_is_relieved_until_it_is_about_even() -> None:
    found = plan(CROWDED)
    assert {step.source for step in found.steps} == {"alpha"}
    assert 10 <= len(found.steps) <= 12
    assert found.summary.worst_before.worst == pytest.approx(60 / 47)
    assert found.summary.worst_after.worst <= 1.055
    assert {step.why for step in found.steps} == {Why.SHED}
    first = found.steps[0]
    assert (first.value, first.limit) == (pytest.approx(60 / 47), pytest.approx(1.05))
    assert first.bytes == GIGABYTE == first.total_bytes
    assert first.copy_seconds == pytest.approx(25)
    assert first.pause_ms == pytest.approx(50)


def test_inside_the_band_nothing_is_done_and_it_is_said_how_near_it_was() -> None:
    of = world([shard("alpha"), shard("beta")], tenants("alpha", 54), tenants("beta", 46))
    found = plan(of)
    assert not found.steps
    left = left_of(found, "alpha")
    assert (left.why, left.value, left.threshold) == (
        WhyNot.INSIDE_BAND,
        pytest.approx(1.08),
        pytest.approx(1.10),
    )


def test_room_that_a_plan_makes_is_used_by_the_same_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders come first, and balance makes room for one that found none; so it goes round again."""
    (wanted,) = tenants("alpha", 1, gigabytes=8, prefix="wanted")
    of = world(
        [shard("alpha"), shard("beta"), shard("gamma")],
        [replace(wanted, pinned_to="beta")],
        tenants("beta", 88),
        tenants("gamma", 10),
    )
    found = plan(of)
    steps = [step.tenant_id for step in found.steps]
    assert "twanted000" in steps
    assert steps.index("twanted000") > 0
    assert not plan(after(of, found.steps)).steps
    # The negative control: after one round only, somebody is left for whom there is room.
    monkeypatch.setattr(planner, "_ROUNDS", 1)
    early = plan(of)
    assert left_of(early, "twanted000").why is WhyNot.NO_ROOM
    assert plan(after(of, early.steps)).steps


def test_what_is_hardly_used_is_left_whatever_the_others_hold() -> None:
    of = world([shard("alpha"), shard("beta")], tenants("alpha", 20), tenants("beta", 2))
    assert {step.why for step in plan(of).steps} == {Why.FILL}, "only as the other has less"
    assert not plan(of, Policy(fill=frozenset())).steps
    without_floor = plan(of, Policy(floor=0, fill=frozenset())).steps
    assert {step.why for step in without_floor} == {Why.SHED}


def test_load_counts_as_much_as_bytes_do() -> None:
    of = world(
        [shard("alpha"), shard("beta")],
        tenants("alpha", 10, gigabytes=0.2, load=5, prefix="hot"),
        tenants("alpha", 25, load=0.2),
        tenants("beta", 28, load=0.3),
    )
    found = plan(of)
    assert {step.dimension for step in found.steps} == {Dimension.LOAD}
    assert sum(step.tenant_id.startswith("thot") for step in found.steps) == 4
    assert found.summary.worst_before.load > 1.7
    assert found.summary.worst_after.worst <= 1.106


def test_whom_a_later_choice_makes_needless_stays() -> None:
    """The dense one is chosen first; with the larger one, which is needed, it need not go."""
    names = ("alpha", "beta", "gamma")
    ballast = [
        replace(one, pinned_to=name)
        for name, load in zip(names, (40, 25, 40), strict=True)
        for one in (
            *tenants(name, 30, gigabytes=0.001, load=0),
            *tenants(name, 1, gigabytes=50, load=load, prefix=f"big{name}"),
        )
    ]
    of = world(
        [shard(name, bytes=1000 * GIGABYTE) for name in names],
        ballast,
        tenants("alpha", 1, gigabytes=0.1, load=3, prefix="dense"),
        tenants("alpha", 1, gigabytes=1, load=15, prefix="large"),
    )
    found = plan(of, Policy(floor=0, fill=frozenset()))
    assert [step.tenant_id for step in found.steps] == ["tlarge000"]


def test_who_brings_more_than_it_takes_away_stays() -> None:
    of = world(
        [shard("alpha"), shard("beta"), shard("gamma")],
        tenants("alpha", 2, gigabytes=0.1, load=25),
        tenants("beta", 2, gigabytes=0.1, load=20),
    )
    strict = plan(of, Policy(improvement=0.9, floor=0, fill=frozenset()))
    assert not strict.steps
    left = left_of(strict, "talpha000")
    assert (left.why, left.threshold) == (WhyNot.IMPROVEMENT, 0.9)
    assert 0.5 < left.value < 0.9
    assert plan(of, Policy(improvement=0, floor=0, fill=frozenset())).steps


def test_a_new_shard_is_filled_though_no_other_is_too_full() -> None:
    names = [f"s{at:02d}" for at in range(20)]
    of = world(
        [*(shard(name) for name in names), shard("new")],
        *(tenants(name, 50) for name in names),
    )
    found = plan(of)
    assert {(step.why, step.target) for step in found.steps} == {(Why.FILL, "new")}
    assert len(found.steps) in range(40, 49)
    assert found.after["new"].worst > 0.8
    bytes_only = plan(of, Policy(fill=frozenset()))
    assert not bytes_only.steps


def test_a_draining_shard_gives_everybody_away_and_gets_nobody() -> None:
    of = world(
        [shard("alpha"), shard("beta", draining=True), shard("gamma")],
        tenants("alpha", 20),
        tenants("beta", 15),
        tenants("gamma", 22),
    )
    found = plan(of)
    assert {step.source for step in found.steps} == {"beta"}
    assert len(found.steps) == 15
    assert {step.reason for step in found.steps} == {"drain"}
    assert not [one for one in found.left if one.shard == "beta"]


def test_a_drain_that_cannot_end_names_everybody_who_stays() -> None:
    of = world(
        [shard("alpha"), shard("beta", draining=True)],
        tenants("alpha", 60, load=0),
        tenants("beta", 50, load=0),
        tenants("beta", 1, gigabytes=95, load=0, prefix="huge"),
        [replace(one, busy="migrating") for one in tenants("beta", 1, prefix="busy")],
        [replace(one, pinned_to="beta") for one in tenants("beta", 1, prefix="pinned")],
        [replace(one, labels=frozenset({"eu"})) for one in tenants("beta", 1, prefix="eu")],
    )
    found = plan(of)
    assert len(found.steps) == 30, "up to the hard limit of 90 %"
    assert left_of(found, "beta").why is WhyNot.NOT_EMPTY
    assert left_of(found, "beta").value == 24
    why = {one.tenant_id: one.why for one in found.left if one.tenant_id}
    assert len(why) == 24
    assert why["thuge000"] is WhyNot.TOO_BIG
    assert why["tbusy000"] is WhyNot.BUSY
    assert why["tpinned000"] is WhyNot.TARGET_DOWN
    assert why["teu000"] is WhyNot.LABEL
    assert found.summary.left["no-room"] == 20


def test_who_needs_a_label_goes_to_shards_that_have_it_and_to_no_other() -> None:
    eu = frozenset({"eu"})
    of = world(
        [shard("alpha"), replace(shard("beta"), labels=eu | {"ssd"}), shard("gamma")],
        [replace(one, labels=eu) for one in tenants("alpha", 3, prefix="eu")],
        [replace(one, labels=eu) for one in tenants("beta", 60)],
        [replace(one, labels=frozenset({"moon"})) for one in tenants("gamma", 1, prefix="moon")],
    )
    found = plan(of)
    assert [(step.tenant_id, step.target, step.reason) for step in found.steps] == [
        (f"teu{at:03d}", "beta", "label") for at in range(3)
    ]
    assert (left_of(found, "tmoon000").why, left_of(found, "tmoon000").detail) == (
        WhyNot.LABEL, "moon",
    )  # fmt: skip
    assert left_of(found, "beta").why is WhyNot.STILL_OVER
    # The control: nobody needs anything.
    free = replace(of, tenants=tuple(replace(one, labels=frozenset()) for one in of.tenants))
    assert {step.source for step in plan(free).steps} == {"beta"}


def test_what_fits_nowhere_within_the_band_goes_in_up_to_the_hard_limit_with_a_warning() -> None:
    of = world(
        [shard("alpha"), shard("beta"), shard("gamma", draining=True)],
        tenants("alpha", 40),
        tenants("beta", 40),
        tenants("gamma", 1, gigabytes=30),
    )
    first, *others = plan(of).steps
    assert (first.source, first.why) == ("gamma", Why.DRAIN)
    assert "fair share" in first.warnings[0]
    assert {step.why for step in others} == {Why.SHED}
    assert {step.source for step in others} == {first.target}


def test_who_is_pinned_elsewhere_goes_there_and_then_stays() -> None:
    pinned = [replace(one, pinned_to="beta") for one in tenants("alpha", 1, prefix="p")]
    of = world([shard("alpha"), shard("beta")], pinned, tenants("beta", 90, gigabytes=0.1, load=0))
    (step, *others) = plan(of).steps
    assert (step.tenant_id, step.target, step.why) == ("tp000", "beta", Why.PIN)
    assert all(other.tenant_id != "tp000" for other in others)
    again = plan(after(of, [step, *others]), Policy(cooldown=timedelta(0)))
    assert all(one.tenant_id != "tp000" for one in again.steps)


def test_a_group_is_kept_apart() -> None:
    group = [replace(one, group="acme") for one in tenants("alpha", 3, prefix="g")]
    of = world([shard("alpha"), shard("beta"), shard("gamma")], group, tenants("gamma", 3))
    found = [step for step in plan(of).steps if step.why is Why.APART]
    assert {step.target for step in found} == {"beta", "gamma"}
    two = world([shard("alpha"), shard("beta")], group)
    left = [one.tenant_id for one in plan(two).left if one.why is WhyNot.GROUP]
    assert left == ["tg002"]


def test_a_shard_that_is_down_neither_gives_nor_gets() -> None:
    of = world(
        [shard("alpha", down=True), shard("beta"), shard("gamma", down=True)],
        tenants("alpha", 90),
        tenants("beta", 90),
    )
    found = plan(of)
    assert not found.steps
    assert left_of(found, "alpha").why is WhyNot.SOURCE_DOWN


def test_who_was_moved_lately_stays_and_it_is_said_for_how_long() -> None:
    lately = NOW - timedelta(days=5)
    of = world(
        [shard("alpha"), shard("beta")],
        [replace(one, moved_at=lately) for one in tenants("alpha", 60)],
        tenants("beta", 20),
    )
    found = plan(of, Policy(fill=frozenset()))
    assert not found.steps
    left = left_of(found, "talpha000")
    assert (left.why, left.value) == (WhyNot.COOLDOWN, pytest.approx(2.0))
    assert found.summary.left["cooldown"] == 60
    assert len([one for one in found.left if one.tenant_id]) == 20, "as many as anybody reads"
    later = replace(of, at=NOW + timedelta(days=3))
    assert plan(later).steps
    assert plan(later).digest != found.digest


def test_the_time_alone_makes_no_other_input() -> None:
    assert plan(CROWDED).digest == plan(replace(CROWDED, at=NOW + timedelta(hours=1))).digest
    assert plan(CROWDED).id == plan(replace(CROWDED, at=NOW + timedelta(hours=1))).id


def test_a_plan_is_cut_off_at_its_budget_and_says_so() -> None:
    whole = plan(CROWDED)
    for policy, value in (
        (Policy(max_moves=3), 4),
        (Policy(max_bytes=3 * GIGABYTE + 1), 4 * GIGABYTE),
    ):
        found = plan(CROWDED, policy)
        assert [one.tenant_id for one in found.steps] == [one.tenant_id for one in whole.steps[:3]]
        assert found.summary.cut_off == len(whole.steps) - 3
        (left,) = [one for one in found.left if one.why is WhyNot.BUDGET]
        assert (left.value, left.tenant_id) == (value, whole.steps[3].tenant_id)


def test_a_tenant_on_its_way_counts_where_it_is_going() -> None:
    going = [replace(one, moving_to="beta") for one in tenants("alpha", 20)]
    of = world([shard("alpha"), shard("beta")], going, tenants("beta", 20, prefix="b"))
    assert plan(of).before["alpha"].worst == 0
    assert {one.source for one in plan(of).steps} == {"beta"}


def test_larger_shards_get_more() -> None:
    of = world(
        [
            shard("alpha", bytes=None, load=None, tenants=None),
            shard("beta", bytes=None, load=None, tenants=None, weight=3.0),
        ],
        tenants("alpha", 40),
    )
    found = plan(of)
    assert len(found.steps) in range(28, 32)
    assert found.use_after["beta"].worst == pytest.approx(found.use_after["alpha"].worst, abs=0.05)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenants": ()}, "no such tenant"),
        ({"busy": "migrating"}, "migrating"),
        ({"pinned_to": "alpha"}, "may not be on"),
        ({"moved_at": NOW}, "cooldown"),
        ({"shard": "beta"}, "on beta now"),
        ({"down": True}, "takes no tenants now"),
        ({"draining": True}, "takes no tenants now"),
        ({"full": True}, "as full as"),
        ({"eased": True}, "not too full any more"),
    ],
)
def test_a_step_is_dropped_when_the_world_has_changed(change: dict[str, object], said: str) -> None:
    step = plan(CROWDED).steps[0]
    assert why_not_now(step, CROWDED) == ""
    changed = changed_world(CROWDED, step.tenant_id, step.target, change)
    assert said in why_not_now(step, changed)
    again = plan(changed, standing=[step])
    went = {one.tenant_id: one.target for one in again.steps}
    assert went.get(step.tenant_id) != step.target
    left = {one.tenant_id: one.why for one in again.left}
    assert step.tenant_id in went or left[step.tenant_id] is WhyNot.CHANGED


def changed_world(of: World, tenant_id: str, target: str, change: dict[str, object]) -> World:
    if "tenants" in change:
        return replace(of, tenants=tuple(o for o in of.tenants if o.tenant_id != tenant_id))
    if "down" in change or "draining" in change:
        shards = tuple(
            replace(one, **change) if one.name == target else one  # type: ignore[arg-type]
            for one in of.shards
        )
        return replace(of, shards=shards)
    if "full" in change:
        return replace(of, tenants=(*of.tenants, *tenants(target, 40, prefix="more")))
    if "eased" in change:
        return replace(
            of,
            tenants=tuple(o for o in of.tenants if o.tenant_id < "talpha043" or o.shard != "alpha"),
        )
    return replace(
        of,
        tenants=tuple(
            replace(one, **change) if one.tenant_id == tenant_id else one  # type: ignore[arg-type]
            for one in of.tenants
        ),
    )


def test_nothing_and_one_shard_make_an_empty_plan() -> None:
    assert not plan(World((), (), NOW)).steps
    alone = plan(world([shard("alpha")], tenants("alpha", 99)))
    assert not alone.steps
    assert not plan(world([shard("alpha")], [TenantLoad("t1", "alpha", 0)])).steps


def test_a_plan_is_plain_values() -> None:
    told = json.loads(json.dumps(plan(CROWDED).to_json(), default=str))
    assert told["steps"][0]["reason"].startswith("shed:")
    assert told["shards"]["alpha"]["before"]["bytes"] > 1.1
    assert told["summary"]["moves"] == len(told["steps"])
