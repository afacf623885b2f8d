"""Who is taken, with whom, and when: the same for the same facts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations_tools.fleet.errors import CanaryUnfit, InvalidBudget, InvalidWaves
from migrations_tools.fleet.planning import cut, plan_fleet, read_budget, read_waves
from migrations_tools.fleet.states import Standing
from migrations_tools.fleet.types import GroupKey, Member, Placed, Row, ShardRows, Shares

NEW, OLD = "new" * 10, "old" * 10
USUAL = Shares()


def place(tenant_id, shard="alpha", state="ready"):
    return Placed(tenant_id, shard, tenant_id, state)


def row(digest=OLD, *, phase="active", fingerprint="f", major=18, unfinished=None):
    return Row(phase, digest, fingerprint, major, unfinished)


def plan_of(placed, shards, *, left_alone=(), shares=USUAL):
    return plan_fleet(placed, shards, wanted=NEW, left_alone=dict(left_alone), shares=shares)


def standing(one, shards, **more):
    (member,) = plan_of([one], shards, **more).members
    return member.standing, member.why


def alpha(**rows):
    return {"alpha": ShardRows(rows=rows, major=18)}


def test_a_schema_is_level_or_behind_by_the_name_of_its_state():
    assert standing(place("t1"), alpha(t1=row(NEW))) == (Standing.LEVEL, "")
    assert standing(place("t1"), alpha(t1=row(OLD))) == (Standing.BEHIND, "")
    assert standing(place("t1"), alpha(t1=row(None))) == (Standing.BEHIND, "")


def test_who_has_all_migrations_and_was_never_measured_is_not_finished():
    for unfinished in (row(NEW, fingerprint=None), row(NEW, major=17)):
        assert standing(place("t1"), alpha(t1=unfinished)) == (Standing.BEHIND, "")


@pytest.mark.parametrize(
    ("state", "expected", "said"),
    [
        ("creating", Standing.SKIPPED, "create_tenant finishes it"),
        ("dropping", Standing.SKIPPED, "being dropped"),
        ("moving", Standing.WAITING, "moving"),
    ],
)
def test_what_control_decides_comes_before_what_the_shard_says(state, expected, said):
    for shards in (alpha(t1=row(NEW)), alpha(), {"alpha": ShardRows(away="refused")}):
        found, why = standing(place("t1", state=state), shards)
        assert found is expected
        assert said in why


@pytest.mark.parametrize(
    ("shards", "expected", "said"),
    [
        ({}, Standing.WAITING, "no address"),
        ({"alpha": ShardRows(away="it is out")}, Standing.WAITING, "it is out"),
        (alpha(), Standing.WRONG, "no such schema"),
        (alpha(t1=row(phase="fenced")), Standing.WAITING, "fenced"),
        (alpha(t1=row(phase="sealed")), Standing.WRONG, "sealed"),
        (alpha(t1=row(phase="incoming")), Standing.WRONG, "never opened"),
        (alpha(t1=row(unfinished="app.0003")), Standing.WRONG, "app.0003 was cut off"),
    ],
)
def test_what_cannot_be_taken_is_told_with_its_reason(shards, expected, said):
    found, why = standing(place("t1"), shards)
    assert found is expected
    assert said in why


def test_who_is_suspended_is_left_alone_even_on_a_shard_that_is_away():
    shards = {"alpha": ShardRows(away="it is out")}
    assert standing(place("t1"), shards, left_alone={"t1": "it is suspended"}) == (
        Standing.SKIPPED,
        "it is suspended",
    )


def test_groups_are_those_of_one_state_structure_and_major():
    shards = {
        "alpha": ShardRows(
            rows={
                "t1": row(),
                "t2": row(),
                "t3": row(fingerprint="g"),
                "t4": row(fingerprint=None),
            },
            major=18,
        ),
        "beta": ShardRows(rows={"t5": row(major=15), "t6": row(major=18)}, major=15),
    }
    placed = [place(f"t{n}") for n in range(1, 5)] + [place("t5", "beta"), place("t6", "beta")]
    plan = plan_of(placed, shards)
    assert {group.key: {one.tenant_id for one in group.members} for group in plan.groups} == {
        GroupKey(OLD, "f", 18): {"t1", "t2"},
        GroupKey(OLD, "g", 18): {"t3"},
        GroupKey(OLD, "", 18): {"t4"},
        GroupKey(OLD, "f", 15): {"t5"},
        # Measured on another major, so by other rules: as good as not measured.
        GroupKey(OLD, "", 15): {"t6"},
    }
    assert plan.groups[0].key == GroupKey(OLD, "f", 18), "the largest first"


def fleet_of(sizes):
    return [
        Member(f"t{shard}{n}", shard, f"t{shard}{n}", Standing.BEHIND, GroupKey(OLD, "f", 18))
        for shard, size in sizes.items()
        for n in range(size)
    ]


@given(
    sizes=st.dictionaries(st.sampled_from("abc"), st.integers(1, 60), min_size=1),
    percents=st.sets(st.floats(0.1, 99.9), max_size=4),
    canary=st.booleans(),
)
def test_every_schema_is_in_exactly_one_wave_and_every_wave_is_of_every_shard(
    sizes, percents, canary
):
    members = fleet_of(sizes)
    shares = Shares(percents=(*sorted(percents), 100.0), canary=canary)
    waves = cut(members, shares)
    taken = Counter(one.tenant_id for wave in waves for one in wave.members)
    assert taken == Counter(one.tenant_id for one in members)
    assert waves == cut(members[::-1], shares), "the order of asking does not matter"
    assert all(wave.members for wave in waves)
    rest = waves[1:] if canary else waves
    if rest:
        alone = {one.tenant_id for one in waves[0].members} if canary else set()
        left = {one.shard for one in members if one.tenant_id not in alone}
        assert {one.shard for one in rest[0].members} == left


def test_a_canary_is_one_of_each_group_or_those_that_were_named():
    members = fleet_of({"a": 5, "b": 5})
    other = Member("tz", "a", "tz", Standing.BEHIND, GroupKey(OLD, "other", 18))
    (first, *_) = cut([*members, other], Shares())
    assert first.name == "canary"
    assert {one.key for one in first.members} == {members[0].key, other.key}
    assert len(first.members) == 2
    (named, *_) = cut(members, Shares(canaries=("ta3", "tb1")))
    assert {one.tenant_id for one in named.members} == {"ta3", "tb1"}
    assert cut(members, Shares(canary=False))[0].name == "1%"
    assert cut([], Shares()) == ()


@pytest.mark.parametrize(
    ("canary", "facts", "said"),
    [
        (place("t1", state="moving"), {}, r"t1 \(it is moving to another shard\)"),
        (place("t1", "beta"), {}, r"t1 \(shard beta has no address"),
        (place("t1"), {"left_alone": {"t1": "it is suspended"}}, r"t1 \(it is suspended\)"),
    ],
)
def test_without_a_canary_that_was_named_nobody_is_taken(canary, facts, said):
    shards = alpha(t1=row(), t2=row())
    with pytest.raises(CanaryUnfit, match=said):
        plan_of([canary, place("t2")], shards, shares=Shares(canaries=("t1",)), **facts)
    # Who was not named goes by the usual rule.
    assert plan_of([canary, place("t2")], shards, **facts).waves


def test_a_canary_that_went_first_already_is_no_hindrance():
    shards = alpha(t1=row(NEW), t2=row())
    waves = plan_of([place("t1"), place("t2")], shards, shares=Shares(canaries=("t1",))).waves
    assert [(wave.name, len(wave.members)) for wave in waves] == [("1%", 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no share"),
        ("ten", "'ten' is no share"),
        ("10%,5%,100%", "larger than the one before"),
        ("10%,10%,100%", "larger than the one before"),
        ("1%,50%", "must be 100 %"),
        ("0%,100%", "more than 0 %"),
        ("1%,101%", "at most 100 %"),
        ("nan,100", "more than 0 %"),
        ("1%,,100%", "no share"),
    ],
)
def test_waves_that_make_no_sense_are_refused_with_what_to_give(text, said):
    with pytest.raises(InvalidWaves, match=said) as refused:
        read_waves(text)
    assert "1%,10%,100%" in str(refused.value)


def test_waves_are_read_with_and_without_the_sign():
    assert read_waves("1%, 10 %,100%".replace(" %", "%")) == (1.0, 10.0, 100.0)
    assert read_waves("0.5,100") == (0.5, 100.0)


def test_a_budget_is_a_number_or_a_share_rounded_up():
    assert read_budget("10", behind=3) == 10
    assert read_budget("0", behind=3) == 0
    assert read_budget("2%", behind=120) == 3
    assert read_budget("100%", behind=7) == 7
    for text in ("", "-1", "101%", "nan%", "many", "1.5"):
        with pytest.raises(InvalidBudget, match="error-budget"):
            read_budget(text, behind=3)


def test_ten_thousand_schemas_are_planned_in_well_under_a_second():
    placed = [place(f"t{n:05}", "alpha") for n in range(10_000)]
    shards = {"alpha": ShardRows(rows={f"t{n:05}": row() for n in range(10_000)}, major=18)}
    plan = plan_of(placed, shards)
    assert [len(wave.members) for wave in plan.waves] == [1, 100, 900, 8999]
