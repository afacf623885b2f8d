"""Each kind of drift, planted into plain data, is found; what is as it should be is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from migrations_tools.drift.compare import compare, only_lasting
from migrations_tools.drift.measured import judge, wanted_structure
from migrations_tools.drift.types import (
    Directory,
    Kind,
    Measured,
    Placed,
    SchemaSeen,
    ShardSeen,
)
from sharding.schemas.types import SPARE, Marker, Phase

GUIDE = (Path(__file__).parents[3] / "docs" / "how-to" / "drift.md").read_text()
ANN, BOB, SIX = "tann00001", "tbob00002", "tsix00006"


def marker(schema=ANN, phase=Phase.ACTIVE, *, epoch=2, **facts):
    return Marker(
        schema,
        phase,
        epoch,
        **{
            **dict.fromkeys(("move_id", "fingerprint", "major")),
            "token": 0,
            "digest": "d",
            "unfinished": None,
            **facts,
        },
    )


def open_schema(schema=ANN, **facts):
    seen = SchemaSeen(schema, exists=True, marker=marker(schema), usage=True, permit=True)
    return replace(seen, **facts)


def placed(tenant_id=ANN, shard="alpha", **facts):
    return replace(Placed(tenant_id, shard, tenant_id, "ready", 2), **facts)


def directory(*places, tenants=None, **facts):
    by_id = {place.tenant_id: place for place in places}
    known = frozenset(by_id) if tenants is None else frozenset(tenants)
    made = Directory(by_id, {"alpha": 1, "beta": 1}, roles=frozenset(by_id), tenants=known)
    return replace(made, **facts)


def shard(name="alpha", *schemas, **facts):
    seen = ShardSeen(name, server_name=name, incarnation=1, major=18)
    by_name = {schema.name: schema for schema in schemas}
    roles = frozenset(schema.name for schema in schemas if schema.has_role)
    return replace(seen, **{"schemas": by_name, "roles": roles, **facts})


WELL = directory(placed(), placed(BOB, "beta"))


def test_where_nothing_differs_nothing_is_found():
    beta = shard("beta", open_schema(BOB))
    assert compare(WELL, [shard("alpha", open_schema()), beta]) == ()


SEALED = marker(phase=Phase.SEALED)
SPARED = open_schema(
    marker=marker(phase=Phase.INCOMING, epoch=0, unfinished=f"{SPARE}abc"),
    usage=False,
    permit=False,
)
PLANTED = {
    "away": (Kind.SHARD_AWAY, WELL, shard(problem="it does not answer.")),
    "no shard": (Kind.SHARD_UNPREPARED, WELL, shard(unprepared=True)),
    "standby": (Kind.SHARD_IN_RECOVERY, WELL, shard("alpha", open_schema(), in_recovery=True)),
    "other shard": (
        Kind.SHARD_WRONG_NAME,
        WELL,
        shard("alpha", open_schema(), server_name="beta"),
    ),
    "restored": (
        Kind.SHARD_SEALED,
        replace(WELL, incarnations={"alpha": 2}),
        shard("alpha", open_schema()),
    ),
    "old registry": (Kind.SHARD_NEWER, WELL, shard("alpha", open_schema(), incarnation=2)),
    "tenant nowhere": (
        Kind.TENANT_WITHOUT_PLACEMENT,
        directory(placed(), tenants=[ANN, SIX]),
        shard("alpha", open_schema()),
    ),
    "place of nobody": (
        Kind.PLACEMENT_WITHOUT_TENANT,
        directory(placed(), tenants=[]),
        shard("alpha", open_schema()),
    ),
    "half made": (
        Kind.PLACEMENT_UNFINISHED,
        directory(placed(state="creating")),
        shard("alpha", open_schema()),
    ),
    "schema gone": (Kind.SCHEMA_MISSING, WELL, shard()),
    "tenant gone": (
        Kind.SCHEMA_WITHOUT_TENANT,
        directory(roles=frozenset({ANN}), tenants=[]),
        shard("alpha", open_schema()),
    ),
    "lives elsewhere": (
        Kind.SCHEMA_TWICE,
        directory(placed(shard="beta")),
        shard("alpha", open_schema()),
    ),
    "no row": (Kind.SCHEMA_UNMARKED, WELL, shard("alpha", open_schema(marker=None))),
    "sealed at home": (
        Kind.SCHEMA_CLOSED,
        WELL,
        shard("alpha", open_schema(marker=SEALED, usage=False, permit=False)),
    ),
    "cut off": (
        Kind.SCHEMA_UNFINISHED,
        WELL,
        shard("alpha", open_schema(marker=marker(unfinished="shop.0003"))),
    ),
    "came back": (
        Kind.SCHEMA_STALE,
        directory(placed(epoch=9, arrived_epoch=8)),
        shard("alpha", open_schema()),
    ),
    "old control": (
        Kind.SCHEMA_AHEAD,
        WELL,
        shard("alpha", open_schema(marker=marker(epoch=7))),
    ),
    "row of nothing": (
        Kind.MARKER_WITHOUT_SCHEMA,
        directory(),
        shard("alpha", SchemaSeen(ANN, exists=False, marker=marker(), has_role=False)),
    ),
    "rights": (Kind.RIGHTS_WRONG, WELL, shard("alpha", open_schema(usage=False))),
    "unguarded": (Kind.TABLE_UNGUARDED, WELL, shard("alpha", open_schema(unguarded=("note",)))),
    "role of nobody": (
        Kind.ROLE_LEFT_OVER,
        WELL,
        shard("alpha", open_schema(), roles=frozenset({ANN, SIX})),
    ),
    "no role": (Kind.ROLE_MISSING, WELL, shard("alpha", open_schema(has_role=False))),
    "spare of nobody": (
        Kind.SPARE_UNKNOWN,
        directory(roles=frozenset({ANN})),
        shard("alpha", SPARED),
    ),
    "spare that may look": (
        Kind.SPARE_OPEN,
        directory(roles=frozenset({ANN}), spares=frozenset({ANN})),
        shard("alpha", replace(SPARED, usage=True)),
    ),
    "spare where a tenant was": (Kind.SCHEMA_MISSING, WELL, shard("alpha", SPARED)),
    "template": (
        Kind.TEMPLATE_LEFT_OVER,
        WELL,
        shard("alpha", open_schema(), templates=("tmpl_0123456789ab",)),
    ),
}


@pytest.mark.parametrize("plant", sorted(PLANTED))
def test_each_kind_of_drift_is_found_alone_and_says_what_to_do(plant):
    kind, believed, seen = PLANTED[plant]

    (finding,) = compare(believed, [seen])

    assert finding.kind is kind
    assert finding.shard in ("alpha", "")
    assert finding.what.endswith(".") or ":" in finding.what
    assert finding.mend


def test_every_kind_is_planted_somewhere():
    measured = {
        Kind.FURNITURE_WRONG,
        Kind.STATE_WRONG,
        Kind.STRUCTURE_CHANGED,
        Kind.STRUCTURE_UNLIKE_IMAGE,
        Kind.IDS_WRONG,
        Kind.NOT_MEASURED,
    }
    assert {kind for kind, _, _ in PLANTED.values()} | measured == set(Kind)


@pytest.mark.parametrize("kind", sorted(Kind))
def test_every_kind_stands_in_the_guide(kind):
    """Where a person looks it up at night."""
    assert f"`{kind}`" in GUIDE


def test_a_spare_that_control_knows_is_no_drift_nor_one_that_is_being_made():
    believed = directory(roles=frozenset({ANN}), spares=frozenset({ANN}))
    assert compare(believed, [shard("alpha", SPARED)]) == ()
    begun = marker(phase=Phase.INCOMING, epoch=0, unfinished="its image")
    assert compare(believed, [shard("alpha", replace(SPARED, marker=begun))]) == ()


@pytest.mark.parametrize("phase", [Phase.SEALED, Phase.TOMBSTONE])
def test_a_closed_copy_that_a_move_left_behind_is_no_drift(phase):
    copy = open_schema(marker=marker(phase=phase), usage=False, permit=False)
    assert compare(directory(placed(shard="beta")), [shard("alpha", copy)]) == ()


def test_a_copy_that_is_sealed_by_its_mark_only_is_drift():
    copy = open_schema(marker=SEALED, usage=True, permit=False)
    (finding,) = compare(directory(placed(shard="beta")), [shard("alpha", copy)])
    assert finding.kind is Kind.SCHEMA_TWICE


def test_what_somebody_is_just_changing_is_left_to_them():
    busy = placed(state="creating", leased=True)
    assert compare(directory(busy), [shard("alpha")]) == ()
    moving = placed(shard="beta", leased=True)
    assert compare(directory(moving), [shard("alpha", open_schema())]) == ()


def test_a_used_up_id_may_keep_its_role():
    believed = directory(roles=frozenset({SIX}))
    assert compare(believed, [shard("alpha", roles=frozenset({SIX}))]) == ()


def test_what_differs_from_one_reading_only_was_just_being_made():
    seen = [shard("alpha", open_schema())]
    before = compare(directory(), seen)
    assert before, "not yet placed when the directory was read first"
    assert only_lasting(before, compare(WELL, seen)) == ()
    assert only_lasting(before, before) == before


def test_nothing_is_said_of_shards_that_were_not_asked_for():
    assert compare(WELL, [shard("alpha", open_schema())]) == ()


MEASURED = Measured(ANN, "alpha", fingerprint="f", digest="d", image="f")
OF_SCHEMA = marker(fingerprint="f", major=18)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (Kind.FURNITURE_WRONG, {"lacks": ("it belongs to somebody",)}),
        (Kind.STATE_WRONG, {"digest": "e"}),
        (Kind.STRUCTURE_CHANGED, {"fingerprint": "g"}),
        (Kind.IDS_WRONG, {"wrong_ids": tuple("abcdefg")}),
        (Kind.NOT_MEASURED, {"problem": "a lock was not to be had"}),
    ],
)
def test_what_is_measured_is_compared_with_the_mark(kind, facts):
    assert [*judge(OF_SCHEMA, MEASURED, major=18)] == []
    (finding,) = judge(OF_SCHEMA, replace(MEASURED, **facts), major=18)
    assert finding.kind is kind


def test_a_structure_that_its_mark_knows_and_its_image_does_not_is_told_as_that():
    own = replace(MEASURED, fingerprint="g")
    (finding,) = judge(replace(OF_SCHEMA, fingerprint="g"), own, major=18)
    assert finding.kind is Kind.STRUCTURE_UNLIKE_IMAGE


def test_what_differs_in_a_structure_is_told_with_what_it_was_compared_to():
    other = replace(MEASURED, fingerprint="g")
    (unknown,) = judge(OF_SCHEMA, other, major=18)
    assert "No other schema of its shard" in unknown.what
    differs = tuple(f"index i{number} is missing." for number in range(12))
    (finding,) = judge(OF_SCHEMA, replace(other, model=BOB, differs=differs), major=18)
    assert f"Beside {BOB}: index i0 is missing. index i1 is missing." in finding.what
    assert finding.what.endswith("index i9 is missing. And 2 more.")


def test_what_a_structure_should_be_is_its_mark_and_else_its_image():
    other = replace(MEASURED, fingerprint="g")
    assert wanted_structure(OF_SCHEMA, MEASURED, major=18) == ""
    assert wanted_structure(OF_SCHEMA, other, major=18) == "f"
    marked = replace(OF_SCHEMA, fingerprint="g")
    assert wanted_structure(marked, replace(other, image="i"), major=18) == "i"
    assert wanted_structure(marked, replace(other, image=None), major=18) == ""
    assert wanted_structure(OF_SCHEMA, replace(other, problem="away"), major=18) == ""


def test_fingerprints_of_two_majors_are_not_compared():
    other = replace(MEASURED, fingerprint="g", image=None)
    assert [*judge(OF_SCHEMA, other, major=17)] == []
