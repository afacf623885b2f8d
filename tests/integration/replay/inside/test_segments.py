"""A recording, and schemas that follow it."""

from django.db import migrations, models

from tests.integration.replay.inside.ground import shape

THING = migrations.CreateModel(
    "Thing",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20, db_index=True)),
    ],
)


def test_a_table_that_is_replayed_is_what_django_makes(trio, write):
    with write(("0001_initial", [THING])):
        recording = trio.take()

    assert [segment.replayable for segment in recording.segments] == [True]
    assert any(part.identity == "made_thing" for part in shape(trio.replayed))
    trio.assert_equal(["django_content_type", "auth_permission"])
