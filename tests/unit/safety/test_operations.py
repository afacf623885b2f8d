"""Own checks on operations: each names what would break, and passes by what does not."""

import uuid
from itertools import pairwise

import pytest
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now
from django.utils import timezone

from migrations_tools.safety.operations import check_operations
from migrations_tools.safety.recipes import RECIPES

NAME = models.CharField(max_length=20)
SHOP = migrations.CreateModel(
    "Shop",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", NAME),
        ("maybe", models.IntegerField(null=True)),
        ("pinned", models.IntegerField(default=1, db_column="pinned_at")),
        ("friends", models.ManyToManyField("self")),
    ],
)
OTHER = migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
FOREIGN = migrations.CreateModel(
    "Foreign", [("id", models.BigAutoField(primary_key=True))], {"managed": False}
)
SIZE = models.IntegerField(default=3)
CODE = migrations.RunPython(migrations.RunPython.noop)
TEXT = migrations.RunSQL("UPDATE shop_shop SET name = ''")


def found(*operations, before=(SHOP, OTHER, FOREIGN), atomic=True):
    """The rules that a migration with these operations breaks, in order."""
    state = ProjectState()
    for operation in before:
        operation.state_forwards("shop", state)
    kind = type(
        "Migration", (migrations.Migration,), {"operations": list(operations), "atomic": atomic}
    )
    return list(check_operations(kind("0002_change", "shop"), state))


def rules(*operations, **more):
    return [finding.rule for finding in found(*operations, **more)]


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        (migrations.DeleteModel("Shop"), "ban-drop-table"),
        (migrations.RemoveField("shop", "name"), "ban-drop-column"),
        (migrations.RenameModel("Shop", "Store"), "renaming-table"),
        (migrations.AlterModelTable("shop", "stores"), "renaming-table"),
        (migrations.RenameField("shop", "name", "title"), "renaming-column"),
        (
            migrations.AlterField("shop", "name", models.CharField(max_length=20, db_column="n")),
            "renaming-column",
        ),
        (migrations.AddField("shop", "size", SIZE), "old-code-writes"),
        (
            migrations.AddField("shop", "key", models.UUIDField(null=True, default=uuid.uuid4)),
            "default-for-all",
        ),
        (
            migrations.AddField("shop", "at", models.DateTimeField(null=True, auto_now=True)),
            "default-for-all",
        ),
        (migrations.AlterField("shop", "maybe", SIZE), "old-code-writes"),
    ],
    ids=lambda value: "" if isinstance(value, str) else value.describe(),
)
def test_what_would_break_the_release_that_runs_is_named_with_the_recipe(operation, rule):
    (finding,) = found(operation)

    assert finding.rule == rule
    assert finding.node == ("shop", "0002_change")
    assert finding.instead == RECIPES[rule]
    assert finding.what


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("shop", "size", models.IntegerField(null=True)),
        migrations.AddField("shop", "size", models.IntegerField(db_default=3)),
        migrations.AddField("shop", "at", models.DateTimeField(db_default=Now())),
        migrations.AddField("shop", "bag", models.JSONField(default=dict, db_default={})),
        migrations.AddField("shop", "others", models.ManyToManyField("shop.Other")),
        migrations.AddField(
            "shop",
            "twice",
            models.GeneratedField(
                expression=models.F("pinned") * 2,
                output_field=models.IntegerField(),
                db_persist=True,
            ),
        ),
        migrations.AlterField("shop", "name", models.CharField(max_length=40)),
        migrations.AlterField("shop", "name", models.CharField(max_length=20, null=True)),
        migrations.AlterField("shop", "friends", models.ManyToManyField("self", blank=True)),
        # Its column stays.
        migrations.RenameField("shop", "pinned", "stuck"),
        migrations.RenameField("shop", "friends", "mates"),
        # Its table is somebody else's.
        migrations.RenameModel("Foreign", "Stranger"),
        migrations.AlterModelOptions("shop", {"ordering": ["id"]}),
        migrations.AddIndex("shop", models.Index(fields=["name"], name="by_name")),
        CODE,
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_the_release_that_runs_does_not_feel_is_passed_by(operation):
    assert rules(operation) == []


def test_a_column_that_draws_and_may_not_be_null_breaks_two_rules():
    drawn = models.DateTimeField(default=timezone.now)

    assert rules(migrations.AddField("shop", "at", drawn)) == ["default-for-all", "old-code-writes"]
    assert rules(migrations.AlterField("shop", "maybe", drawn)) == [
        "default-for-all",
        "old-code-writes",
    ]


def test_a_table_that_the_migration_makes_itself_is_nobody_s_yet():
    new = migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])
    size = migrations.AddField("new", "size", SIZE)

    assert rules(new, size) == []
    # The control: of a table that was there it is a finding.
    assert rules(size, before=(SHOP, new)) == ["old-code-writes"]


def test_what_is_only_django_s_state_is_passed_by_and_what_the_database_does_is_not():
    gone = migrations.RemoveField("shop", "name")

    assert rules(migrations.SeparateDatabaseAndState(state_operations=[gone])) == []
    assert rules(migrations.SeparateDatabaseAndState(database_operations=[gone])) == [
        "ban-drop-column"
    ]


def test_one_operation_after_another_is_judged_by_what_the_ones_before_made_of_it():
    wider = migrations.AlterField("shop", "maybe", models.IntegerField(null=True, default=3))
    tight = migrations.AlterField("shop", "maybe", SIZE)

    assert rules(wider, tight) == ["old-code-writes"]
    # Twice the same changes nothing the second time.
    assert rules(tight, tight) == ["old-code-writes"]


@pytest.mark.parametrize("code", [CODE, TEXT], ids=["python", "sql"])
@pytest.mark.parametrize("turned", [False, True], ids=["code first", "code last"])
def test_code_beside_structure_in_one_transaction_is_to_be_split(code, turned):
    index = migrations.AddIndex("shop", models.Index(fields=["name"], name="by_name"))
    both = (index, code) if turned else (code, index)
    (finding,) = found(*both)

    assert finding.rule == "code-with-structure"
    assert type(code).__name__ in finding.what
    assert index.describe() in finding.what


def test_code_is_passed_by_alone_outside_a_transaction_and_beside_what_nobody_uses():
    index = migrations.AddIndex("shop", models.Index(fields=["name"], name="by_name"))
    new = migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])
    of_new = migrations.AddIndex("new", models.Index(fields=["id"], name="by_id"))

    assert rules(index, CODE, atomic=False) == []
    assert rules(new, of_new, CODE) == []
    assert rules(migrations.AlterModelOptions("shop", {"ordering": ["id"]}), CODE) == []


def test_no_recipe_is_empty_and_none_is_said_twice_in_other_words():
    assert all(recipe.endswith((".", ")")) for recipe in RECIPES.values())
    assert all(one != other for one, other in pairwise(sorted(RECIPES)))


def test_an_index_of_any_kind_is_left_to_the_sql():
    kinds = (
        AddIndexConcurrently("shop", models.Index(fields=["name"], name="by_name")),
        migrations.AddIndex("shop", GinIndex(fields=["name"], name="by_words")),
    )

    assert rules(*kinds, atomic=False) == []
