"""The rule by itself: migrations written here, and what they are said to have sent."""

import uuid

import pytest
from django.db import migrations, models
from django.utils import timezone

from migrations_tools.replay.rule import RULE, why_not_replayable
from migrations_tools.replay.types import Seen, Sender, Statement

DDL = Statement(Sender.EDITOR, 'ALTER TABLE "thing" ADD COLUMN "size" integer NULL')
LOOK = Statement(Sender.INTROSPECTION, "SELECT conname FROM pg_constraint WHERE …", parameters=True)
COLLATION = Statement(
    Sender.OTHER,
    """
                SELECT collisdeterministic
                FROM pg_collation
                WHERE collname = %s
                """,
    parameters=True,
)
RECORD = Statement(Sender.RECORDER, "INSERT INTO django_migrations …", parameters=True)
FURNITURE = Statement(Sender.FURNITURE, "DO $furnish$ … $furnish$")
SAVEPOINT = Statement(Sender.SAVEPOINT, 'SAVEPOINT "s1_x1"')
SIZE = migrations.AddField("thing", "size", models.IntegerField(null=True))


def migration(*operations, **attributes):
    kind = type(
        "Migration", (migrations.Migration,), {"operations": list(operations), **attributes}
    )
    return kind("0002_change", "shop")


def judged(field):
    """What is said of a migration that worked out the default of `field`."""
    field.set_attributes_from_name("size")
    return why_not_replayable(migration(SIZE), Seen((DDL,), (("shop.Thing.size", field),)))


def test_what_django_sends_for_a_column_may_be_replayed():
    seen = Seen((LOOK, COLLATION, DDL, SAVEPOINT, FURNITURE, RECORD))

    assert why_not_replayable(migration(SIZE), seen) == ""


def test_a_migration_that_sends_nothing_may_be_replayed():
    assert why_not_replayable(migration(), Seen((RECORD,))) == ""


def test_an_apply_of_its_own_is_refused():
    def apply(self, state, editor, collect_sql=False):
        return state

    assert "apply" in why_not_replayable(migration(SIZE, apply=apply), Seen((DDL,)))


def test_an_apply_that_is_set_on_the_one_migration_is_refused():
    one = migration(SIZE)
    one.apply = lambda state, editor, collect_sql=False: state

    assert "apply" in why_not_replayable(one, Seen((DDL,)))


def test_a_migration_without_a_transaction_is_refused():
    assert "atomic" in why_not_replayable(migration(SIZE, atomic=False), Seen((DDL,)))


class FakeAddIndex(migrations.AddIndex):
    """As celery-results has it: it decides by looking."""


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RunPython(migrations.RunPython.noop),
        migrations.RunSQL("SELECT 1"),
        migrations.SeparateDatabaseAndState([SIZE], [SIZE]),
        FakeAddIndex("thing", models.Index(fields=["size"], name="size_idx")),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_operations_that_run_code_or_may_look_are_refused(operation):
    why = why_not_replayable(migration(SIZE, operation), Seen((DDL,)))

    assert type(operation).__name__ in why


def test_an_operation_whose_method_was_replaced_is_refused():
    operation = migrations.AddField("thing", "size", models.IntegerField(null=True))
    operation.database_forwards = lambda *args: None

    assert "database_forwards" in why_not_replayable(migration(operation), Seen((DDL,)))


@pytest.mark.parametrize(
    "statement",
    [
        Statement(Sender.OTHER, "SELECT count(*) FROM thing"),
        Statement(Sender.OTHER, "UPDATE thing SET size = %s", parameters=True),
        Statement(Sender.SIGNAL, "SELECT 1"),
        Statement(Sender.OTHER, f"{COLLATION.sql}; DROP TABLE thing", parameters=True),
    ],
    ids=["a look of other code", "a write of other code", "a signal", "more than Django's look"],
)
def test_what_others_sent_on_the_way_is_refused(statement):
    why = why_not_replayable(migration(SIZE), Seen((DDL, statement)))

    assert statement.sender in why


@pytest.mark.parametrize("how", ["parameters", "many"])
def test_structure_whose_text_is_not_all_of_it_is_refused(how):
    statement = Statement(Sender.EDITOR, "ALTER TABLE thing …", **{how: True})

    assert "parameters" in why_not_replayable(migration(SIZE), Seen((statement,)))


class Drawn(models.CharField):
    """Draws its default anew, without one that could be called."""

    def get_default(self):
        return uuid.uuid4().hex


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (models.UUIDField(default=uuid.uuid4), "uuid4"),
        (models.DateTimeField(default=timezone.now), "now"),
        (models.DateTimeField(auto_now=True), "time of the call"),
        (models.DateField(auto_now_add=True), "time of the call"),
        (models.CharField(default=lambda: "x"), "<lambda>"),
        (Drawn(max_length=32), "Drawn.get_default"),
    ],
    ids=["uuid4", "now", "auto_now", "auto_now_add", "lambda", "own get_default"],
)
def test_a_default_that_would_be_one_for_all_is_refused_and_named(field, told):
    why = judged(field)

    assert "shop.Thing.size" in why
    assert told in why


@pytest.mark.parametrize(
    "field",
    [
        models.IntegerField(),
        models.IntegerField(null=True),
        models.IntegerField(default=3),
        models.CharField(default="it's 100 % ; $$"),
        models.JSONField(default=dict),
        models.JSONField(default=list),
        models.BinaryField(default=b"x"),
        models.ForeignKey("auth.Group", models.CASCADE, default=1),
    ],
    ids=["none", "null", "number", "text", "dict", "list", "bytes", "foreign key"],
)
def test_a_default_that_is_always_the_same_may_be_replayed(field):
    assert judged(field) == ""


@pytest.mark.parametrize("words", ["DROP INDEX IF EXISTS", "drop index concurrently if exists"])
def test_an_index_that_is_dropped_if_it_exists_is_refused(words):
    drop = Statement(Sender.EDITOR, f'{words} "size_idx"')

    assert "another name" in why_not_replayable(migration(SIZE), Seen((drop,)))


# Per part of the rule, what only this part refuses.
ONLY = {
    "applies_plainly": (migration(SIZE, atomic=False), Seen((DDL,))),
    "has_known_operations": (
        migration(migrations.RunPython(migrations.RunPython.noop)),
        Seen((DDL,)),
    ),
    "was_pure": (migration(SIZE), Seen((Statement(Sender.OTHER, "SELECT 1"),))),
    "defaults_are_constant": (
        migration(SIZE),
        Seen((DDL,), (("size", models.DateField(auto_now=True)),)),
    ),
    "drops_are_resolved": (
        migration(SIZE),
        Seen((Statement(Sender.EDITOR, 'DROP INDEX IF EXISTS "i"'),)),
    ),
}


@pytest.mark.parametrize("part", RULE, ids=lambda part: part.__name__)
def test_without_any_one_part_something_passes_that_should_not(part):
    subject, seen = ONLY[part.__name__]
    others = tuple(other for other in RULE if other is not part)

    assert why_not_replayable(subject, seen)
    assert why_not_replayable(subject, seen, others) == ""
