"""Each part of the rule is wanted: without it, a schema that follows is not what Django makes."""

import uuid

import pytest
from django.db import migrations, models

from migrations_tools.replay.errors import NotAtStart, ReplayRefused
from migrations_tools.replay.executing import run_by_executor
from migrations_tools.replay.replaying import replay_segment
from migrations_tools.replay.rule import (
    RULE,
    applies_plainly,
    defaults_are_constant,
    drops_are_resolved,
    has_known_operations,
    was_pure,
)
from sharding.schemas.services.fingerprint import differences
from tests.integration.replay.inside import awkward
from tests.integration.replay.inside.ground import (
    measure,
    migrated_by_django,
    own,
    rehearsed,
    rows,
    shape,
)
from tests.integration.replay.inside.operations import BASE, ROWS

LOOKING = """
from django.db import migrations, models
from tests.integration.replay.inside.awkward import LooksFirst


class Migration(LooksFirst):
    dependencies = [("made", "0001_initial")]
    operations = [migrations.AddField("thing", "extra", models.IntegerField(null=True))]
"""
SECRET = (migrations.RunPython(awkward.draw_a_secret),)
WIDTH = (migrations.AddField("thing", "width", awkward.AsWideAsRowsAsk(max_length=9, null=True)),)
DRAWN = (migrations.AddField("thing", "key", models.UUIDField(default=uuid.uuid4)),)
DROP = (migrations.RemoveIndex("thing", "made_size_name"),)


def without(part):
    return tuple(other for other in RULE if other is not part)


@pytest.fixture
def begun(trio, write):
    """Tables with rows in the ones that follow, and none in the one that is recorded in."""
    with write(("0001_initial", BASE)):
        trio.take()
    trio.execute(*ROWS, places=(trio.replayed, trio.django))
    return trio


def test_with_all_of_it_whatever_looks_for_itself_is_what_django_makes(begun, write):
    with write(("0001_initial", BASE), ("0002_looks", LOOKING), ("0003_width", WIDTH)):
        recording = begun.take()

    assert [segment.replayable for segment in recording.segments] == [False]
    assert differences(shape(begun.django), shape(begun.replayed)) == ()


@pytest.mark.parametrize(
    ("part", "change"), [(applies_plainly, LOOKING), (was_pure, WIDTH)], ids=["apply", "pure"]
)
def test_without_it_what_looks_for_itself_makes_something_else(part, change, begun, write):
    with write(("0001_initial", BASE), ("0002_change", change)):
        recording = begun.take(without(part))

    assert [segment.replayable for segment in recording.segments] == [True]
    assert differences(shape(begun.django), shape(begun.replayed))


@pytest.mark.parametrize(
    ("part", "change", "table"),
    [(has_known_operations, SECRET, "made_owner"), (defaults_are_constant, DRAWN, "made_thing")],
    ids=["operations", "defaults"],
)
def test_without_it_two_tenants_share_a_secret(part, change, table, begun, write):
    followers = (begun.replayed, begun.django)
    with write(("0001_initial", BASE), ("0002_change", change)):
        begun.measure()
        recording = rehearsed(begun.template, without(part))
        for place in followers:
            (segment,) = recording.segments
            with own() as raw:
                replay_segment(raw, place.schema, segment)

    one, other = (rows(place, [table])[table] for place in followers)
    assert one == other


@pytest.mark.parametrize(
    ("change", "table"), [(SECRET, "made_owner"), (DRAWN, "made_thing")], ids=["code", "default"]
)
def test_with_it_each_tenant_draws_its_own(change, table, begun, write):
    with write(("0001_initial", BASE), ("0002_change", change)):
        begun.take()

    one, other = (rows(place, [table])[table] for place in (begun.replayed, begun.django))
    assert one != other


def rename_the_index(trio):
    """As in a schema whose history was another; its marks are wrong now."""
    trio.execute("ALTER INDEX made_size_name RENAME TO made_by_hand", places=(trio.replayed,))


def test_an_index_of_another_name_makes_the_replay_fail_and_changes_nothing(begun, write):
    rename_the_index(begun)
    before = shape(begun.replayed)
    with write(("0001_initial", BASE), ("0002_change", DROP)):
        (segment,) = rehearsed(begun.template).segments
        with own() as raw, pytest.raises(ReplayRefused, match="made_size_name"):
            replay_segment(raw, begun.replayed.schema, segment)

        assert shape(begun.replayed) == before
        # The executor, as Django has it, passes over it; what is measured says so.
        assert run_by_executor(begun.replayed, segment.nodes) != segment.after


def test_if_exists_would_have_passed_over_it(begun, write):
    """The control: what Django sends, sent as it is."""
    rename_the_index(begun)
    with write(("0001_initial", BASE), ("0002_change", DROP)):
        (segment,) = rehearsed(begun.template, without(drops_are_resolved)).segments
        with own() as raw:
            raw.execute(f'DROP INDEX IF EXISTS "{begun.replayed.schema}"."made_size_name"')

    assert [step.statements for step in segment.steps] == [('DROP INDEX "made_size_name"',)]
    assert any(part.identity.endswith("made_by_hand") for part in shape(begun.replayed))


def test_a_schema_of_another_structure_is_not_replayed_into(begun, write):
    begun.execute("ALTER TABLE made_thing ADD COLUMN by_hand int", places=(begun.replayed,))
    before = shape(begun.replayed)
    with write(("0001_initial", BASE), ("0002_change", DROP)):
        measure(begun.replayed)
        (segment,) = rehearsed(begun.template).segments
        with own() as raw, pytest.raises(NotAtStart, match="structure"):
            replay_segment(raw, begun.replayed.schema, segment)

    assert shape(begun.replayed) == before


def test_a_second_replay_changes_nothing(begun, write):
    with write(("0001_initial", BASE), ("0002_change", DROP)):
        (segment,) = rehearsed(begun.template).segments
        for _ in range(2):
            with own() as raw:
                replay_segment(raw, begun.replayed.schema, segment)
        migrated_by_django(begun.django)

    begun.assert_equal(["made_thing"])
