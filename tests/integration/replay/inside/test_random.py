"""Histories drawn at random: a schema that follows is what Django's own migrate makes.

A history is begun by all three schemas and gets rows. It may get a column by hand whose migration
is faked (its constraint and index have other names than Django would give them), it may be squashed
in part, and it is then followed to its end.
"""

import pytest
from django.db import migrations, models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.replay.inside.drawing import histories
from tests.integration.replay.inside.ground import LABEL, migration, own

TABLES = ("made_a", "made_b", "made_c", "django_content_type", "auth_permission")


def by_hand(**options):
    """The column that somebody made by hand, as Django sees it."""
    return models.ForeignKey("made.B", models.CASCADE, null=True, related_name="+", **options)


FAKED = ("0001_z_faked", (migrations.AddField("A", "by_hand", by_hand()),))
MADE_BY_HAND = """
    ALTER TABLE made_a ADD COLUMN by_hand_id integer NULL
        CONSTRAINT somebodys_name REFERENCES made_b (id) DEFERRABLE INITIALLY DEFERRED;
    CREATE INDEX somebodys_index ON made_a (by_hand_id);
    INSERT INTO django_migrations (app, name, applied) VALUES ('made', '0001_z_faked', now())
"""
AFTERWARDS = {
    "it goes": migrations.RemoveField("A", "by_hand"),
    "its constraint goes": migrations.AlterField("A", "by_hand", by_hand(db_constraint=False)),
    "its index goes": migrations.AlterField("A", "by_hand", by_hand(db_index=False)),
    "it is unique": migrations.AlterField(
        "A", "by_hand", models.OneToOneField("made.B", models.CASCADE, null=True, related_name="+")
    ),
    "it is renamed": migrations.RenameField("A", "by_hand", "renamed"),
}

common = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)
drawn = {
    "begun": st.integers(1, 4),
    "squashed": st.integers(0, 5),
    "afterwards": st.none() | st.sampled_from(sorted(AFTERWARDS)),
}

# Three rows; where a value is wanted, one that fits.
_FILL = """
DO $fill$
DECLARE
    columns text;
    vals text;
BEGIN
    SELECT string_agg(quote_ident(attname), ','),
           string_agg(
               CASE format_type(atttypid, NULL)
                   WHEN 'integer' THEN '3' WHEN 'bigint' THEN '3' WHEN 'boolean' THEN 'true'
                   WHEN 'jsonb' THEN '''{}'''
                   ELSE '''a''' END, ',')
    INTO columns, vals
    FROM pg_attribute
    WHERE attrelid = '%(schema)s.%(table)s'::regclass AND attnum > 0 AND NOT attisdropped
      AND attidentity = '' AND attnotnull;
    IF columns IS NULL THEN
        EXECUTE 'INSERT INTO %(schema)s.%(table)s DEFAULT VALUES';
    ELSE
        FOR n IN 1..3 LOOP
            EXECUTE format(
                'INSERT INTO %(schema)s.%(table)s (%%s) VALUES (%%s)', columns, vals);
        END LOOP;
    END IF;
END $fill$
"""


def fill(trio):
    """Rows where a fleet has some; the template has none."""
    for place in (trio.replayed, trio.django):
        for table in ("made_a", "made_b"):
            with own() as raw:
                raw.execute(_FILL % {"schema": place.schema, "table": table})


def squash(history, over):
    """The same history with its first migrations squashed, whether they are applied or not."""
    names = [(LABEL, name) for name, _ in history[:over]]
    operations = [one for _, operations in history[:over] for one in operations]
    return (f"0001_squashed_{over}", migration("", operations, replaces=names)), *history


def take_history(history, begun, squashed, afterwards, *, trio, write):
    """Begin it, do what people do, follow it to its end."""
    begun = min(begun, len(history))
    try:
        with write(*history[:begun]):
            trio.take()
        fill(trio)
        if afterwards:
            history = [*history[:begun], FAKED, *history[begun:]]
            history.append(("9999_afterwards", (AFTERWARDS[afterwards],)))
            trio.execute(*MADE_BY_HAND.split(";"))
        if squashed > 1:
            history = squash(history, min(squashed, len(history)))
        with write(*history):
            trio.measure()
            trio.take()
        trio.assert_equal(TABLES)
    finally:
        trio.forget()


@settings(common, max_examples=3)
@given(history=histories(longest=4), **drawn)
def test_a_history_followed_is_what_django_makes(history, begun, squashed, afterwards, trio, write):
    take_history(history, begun, squashed, afterwards, trio=trio, write=write)


@pytest.mark.slow
@settings(common, max_examples=60)
@given(history=histories(longest=10), **drawn)
def test_long_histories_followed_are_what_django_makes(
    history, begun, squashed, afterwards, trio, write
):
    take_history(history, begun, squashed, afterwards, trio=trio, write=write)
