"""Every migration of the installed apps, one after the other: followed, it is what was executed.

One schema is migrated by the executor and recorded; the other replays what the rule calls
replayable and executes the rest. After each migration both have the same structure.
"""

from collections import Counter
from dataclasses import replace

import pytest
from django.conf import settings

from migrations_tools.ids.services.allocate import allocate_known
from migrations_tools.loading import rows_of
from migrations_tools.replay.executing import run_by_executor
from migrations_tools.replay.replaying import replay_segment
from migrations_tools.replay.types import Gained, Segment
from migrations_tools.states import tenant_labels, wanted_state
from sharding.schemas.services.fingerprint import differences
from tests.integration.replay.inside.ground import (
    make_empty,
    measure,
    new_place,
    own,
    rehearsed,
    rows,
    shape,
    tables_of,
)

# Drawn by each schema for itself, or by the clock. The numbers of counters are not the rows' own.
NOT_COMPARED = {"django_migrations"}
DRAWN = {"wagtailcore_page", "wagtailcore_locale", "wagtailcore_collection"}

# Why migrations of these apps run in each schema by themselves: if a library changes, look.
AT_LEAST = {
    "tests.integration.replay.settings": 30,
    "tests.integration.replay.settings_all": 200,
}


def one_by_one(recording):
    """The recording's segments, one for each migration."""
    before = recording.start
    for segment in recording.segments:
        for step in segment.steps[:-1]:
            after = recording.marks[step.node]
            gained = Gained(tuple(rows_of(step.node)))
            yield Segment((step,), step.replayable, before, after, gained, relations=True)
            before = after
        yield replace(segment, steps=segment.steps[-1:], before=before)
        before = segment.after


def take_one_by_one():
    """Both schemas, and how many migrations were replayed."""
    # First, as a fleet migration does. A name that control does not know has an id of the schema's
    # own, and of these only the order is the same: adding what is there already moves a counter.
    allocate_known()
    executed, followed = new_place(), new_place()
    for place in (executed, followed):
        make_empty(place)
    recording = rehearsed(executed)
    ways = Counter()
    for segment in one_by_one(recording):
        if segment.replayable:
            with own() as raw:
                replay_segment(raw, followed.schema, segment)
            now = measure(followed)
        else:
            now = run_by_executor(followed, segment.nodes, gained=segment.gained)
        ways[segment.replayable] += 1
        assert now == segment.after, segment.nodes
    return recording, executed, followed, ways


@pytest.fixture(scope="module")
def taken():
    return take_one_by_one()


def test_after_each_migration_both_are_the_same(taken):
    recording, executed, followed, ways = taken

    assert measure(followed).digest == recording.end.digest == wanted_state().digest
    assert differences(shape(executed), shape(followed)) == ()
    assert ways[True] >= AT_LEAST[settings.SETTINGS_MODULE], ways
    assert {node[0] for node in recording.marks} >= tenant_labels() - {"made"}


def test_at_the_end_the_rows_are_the_same(taken):
    _, executed, followed, _ = taken
    tables = sorted({*tables_of(executed)} - NOT_COMPARED - DRAWN - {"write_permit", "heartbeat"})

    assert rows(executed, tables) == rows(followed, tables)


def test_what_is_not_replayed_says_why(taken):
    steps = [step for segment in taken[0].segments for step in segment.steps]

    assert all(step.why_not for step in steps if not step.replayable)
    assert not any(step.why_not for step in steps if step.replayable)
