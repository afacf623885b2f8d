"""A recording, and schemas that follow it."""

import pytest
from django.apps import apps
from django.db import connections, migrations, models
from django.db.models import signals

from migrations_tools.replay.types import Mark
from sharding.schemas.services.fingerprint import differences
from sharding.schemas.services.markers import read_marker
from tests.integration.replay.inside.ground import (
    follow,
    measure,
    own,
    rehearsed,
    rows,
    shape,
)

THING = migrations.CreateModel(
    "Thing",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20, db_index=True)),
    ],
)
SIZE = migrations.AddField("Thing", "size", models.IntegerField(null=True))
DEPTH = migrations.AddField("Thing", "depth", models.IntegerField(null=True))


def test_a_table_that_is_replayed_is_what_django_makes(trio, write):
    with write(("0001_initial", [THING])):
        recording = trio.take()

    assert [segment.replayable for segment in recording.segments] == [True]
    assert any(part.identity == "made_thing" for part in shape(trio.replayed))
    trio.assert_equal(["django_content_type", "auth_permission"])


INDEX = 'CREATE INDEX IF NOT EXISTS made_by_handler ON made_thing ("name", "id")'
ROW = "INSERT INTO made_thing (name) SELECT 'of a handler' WHERE NOT EXISTS (TABLE made_thing)"


def by_cursor(connection):
    with connection.cursor() as cursor:
        cursor.execute(ROW)


def by_schema_editor(connection):
    with connection.schema_editor() as editor:
        editor.execute(INDEX)


def unheard(connection):
    """On the driver's own connection, or inside a function that was selected."""
    connection.connection.execute(INDEX)


@pytest.fixture
def handler():
    """Has a handler of a signal do something in each schema."""
    made = apps.get_app_config("made")
    connected = []

    def connect(does, signal=signals.post_migrate):
        def handle(*, using, **facts):
            does(connections[using])

        signal.connect(handle, sender=made, weak=False)
        connected.append((signal, handle))

    yield connect
    for signal, handle in connected:
        signal.disconnect(handle, sender=made)


@pytest.mark.parametrize("does", [by_cursor, by_schema_editor, unheard])
def test_what_handlers_of_signals_do_is_done_in_each_schema(trio, write, handler, does):
    handler(does)
    with write(("0001_initial", [THING])):
        recording = rehearsed(trio.template)
        follow(trio.replayed, recording)
        assert mark_in_row(trio.replayed) == measure(trio.replayed) == recording.end

    assert [segment.steps == () for segment in recording.segments] == [False, True]
    assert differences(shape(trio.template), shape(trio.replayed)) == ()
    assert rows(trio.template, ["made_thing"]) == rows(trio.replayed, ["made_thing"])


@pytest.mark.parametrize("does", [by_cursor, by_schema_editor])
def test_what_handlers_do_before_the_first_migration_is_done_in_each_schema(
    trio, write, handler, does
):
    with write(("0001_initial", [THING])):
        trio.take()
    handler(does, signals.pre_migrate)
    with write(("0001_initial", [THING]), ("0002_size", [SIZE]), ("0003_depth", [DEPTH])):
        recording = rehearsed(trio.template)
        follow(trio.replayed, recording)
        assert mark_in_row(trio.replayed) == measure(trio.replayed) == recording.end

    assert [segment.replayable for segment in recording.segments] == [False, True]
    ((step,), _) = (segment.steps for segment in recording.segments)
    assert "pre_migrate" in step.why_not
    assert differences(shape(trio.template), shape(trio.replayed)) == ()
    assert rows(trio.template, ["made_thing"]) == rows(trio.replayed, ["made_thing"])


def mark_in_row(place):
    """What its row says that it is."""
    with own() as raw:
        marker = read_marker(raw, place.schema)
    return Mark(marker.digest, marker.fingerprint)


def test_handlers_that_do_nothing_of_their_own_are_not_asked(trio, write, handler):
    handler(lambda connection: None)
    with write(("0001_initial", [THING])):
        recording = trio.take()

    assert [segment.replayable for segment in recording.segments] == [True]
