"""Every structural operation of Django's, over tables that hold rows."""

import uuid
from typing import Any, Final

import django
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

BASE: Final = (
    migrations.CreateModel(
        "Owner",
        [
            ("id", models.AutoField(primary_key=True)),
            ("code", models.CharField(max_length=10, unique=True)),
        ],
    ),
    migrations.CreateModel(
        "Thing",
        [
            ("id", models.AutoField(primary_key=True)),
            ("name", models.CharField(max_length=20, db_index=True)),
            ("note", models.TextField(null=True)),
            ("size", models.IntegerField(default=1)),
            ("part", models.IntegerField(null=True)),
            ("code", models.CharField(max_length=10, unique=True)),
            ("tags", models.JSONField(default=list)),
            ("owner", models.ForeignKey("made.Owner", models.CASCADE, related_name="+")),
            ("made_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [models.Index(fields=["size", "name"], name="made_size_name")],
            "constraints": [
                models.CheckConstraint(condition=Q(size__gte=0), name="made_not_negative"),
                models.UniqueConstraint(fields=["owner", "name"], name="made_one_name"),
            ],
        },
    ),
    migrations.CreateModel(
        "Child",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("thing", models.ForeignKey("made.Thing", models.CASCADE, null=True)),
            ("many", models.ManyToManyField("made.Thing", related_name="+")),
        ],
    ),
)
ROWS: Final = (
    "INSERT INTO made_owner (code) SELECT 'o' || n FROM generate_series(1, 5) n",
    """
    INSERT INTO made_thing (name, note, size, part, code, tags, owner_id)
    SELECT 'it''s ' || n || ' %', CASE WHEN n % 2 = 0 THEN 'note ' || n END, n, NULL,
           'c' || n, '["x"]', 1 + n % 5
    FROM generate_series(1, 40) n
    """,
    "INSERT INTO made_child (thing_id) SELECT n FROM generate_series(1, 30) n",
    """
    INSERT INTO made_child_many (child_id, thing_id) SELECT n, 40 - n FROM generate_series(1, 30) n
    """,
)
TABLES: Final = (
    "made_owner",
    "made_thing",
    "made_child",
    "made_child_many",
    "made_object",
    "things",
    "made_other",
    "made_thing_friends",
)


def add(field: models.Field, name: str = "extra", **options: Any) -> tuple[Any, ...]:
    """One more column of Thing."""
    return (migrations.AddField("thing", name, field, **options),)


def alter(name: str, field: models.Field, **options: Any) -> tuple[Any, ...]:
    """Another kind of column of Thing."""
    return (migrations.AlterField("thing", name, field, **options),)


def owner(**options: Any) -> models.ForeignKey:
    """The column that leads to Owner, said in another way."""
    return models.ForeignKey("made.Owner", models.CASCADE, related_name="+", **options)


CASES: Final[dict[str, tuple[Any, ...]]] = {
    "a number": add(models.IntegerField(default=7)),
    "a number, default not kept": add(models.IntegerField(default=7), preserve_default=False),
    "text with percent, quotes, semicolons, dollars": add(
        models.TextField(default="100 % 'of' \"it\"; DROP $$ %s %(a)s -- x")
    ),
    "a text that may be empty": add(models.CharField(max_length=5, blank=True)),
    "an expression of the database": add(models.TextField(db_default=Lower(Value("IT")))),
    "a number by the database": add(models.IntegerField(db_default=5)),
    "nothing": add(models.IntegerField(null=True)),
    "a list": add(ArrayField(models.IntegerField(), default=list)),
    "a mapping": add(models.JSONField(default=dict)),
    "a truth": add(models.BooleanField(default=False)),
    "a foreign key": add(models.ForeignKey("made.Owner", models.CASCADE, null=True), "second"),
    "a foreign key with a default": add(
        models.ForeignKey("made.Owner", models.CASCADE, default=2, related_name="+"), "second"
    ),
    "a foreign key by code": add(
        models.ForeignKey("made.Owner", models.CASCADE, null=True, to_field="code"), "second"
    ),
    "a one to one": add(models.OneToOneField("made.Owner", models.CASCADE, null=True), "second"),
    "a foreign key to itself": add(models.ForeignKey("self", models.CASCADE, null=True), "second"),
    "a many to many": add(models.ManyToManyField("made.Owner", related_name="+"), "friends"),
    "a slug": add(models.SlugField(null=True)),
    "a unique one": add(models.CharField(max_length=30, null=True, unique=True)),
    "a generated column": add(
        models.GeneratedField(
            expression=F("size") * 2, output_field=models.IntegerField(), db_persist=True
        )
    ),
    "a uuid": add(models.UUIDField(null=True)),
    "bytes": add(models.BinaryField(default=b"\x00'%")),
    "another column name": add(models.IntegerField(default=0, db_column="Odd Name")),
    "a comment": add(models.IntegerField(null=True, db_comment="it's; 100")),
    "longer text": alter("name", models.CharField(max_length=200, db_index=True)),
    "text of any length": alter("name", models.TextField(db_index=True)),
    "a number becomes text": alter("part", models.CharField(max_length=20, null=True)),
    "a number becomes larger": alter("size", models.BigIntegerField(default=1)),
    "an id becomes larger": alter("id", models.BigAutoField(primary_key=True)),
    "an id is no longer counted": alter("id", models.IntegerField(primary_key=True)),
    "null becomes a constant": alter("part", models.IntegerField(default=3)),
    "null becomes a text": alter("note", models.TextField(default="it's 100 % ; $$")),
    "null is allowed": alter("size", models.IntegerField(null=True)),
    "a foreign key becomes one to one": (
        migrations.AlterField(
            "child", "thing", models.OneToOneField("made.Thing", models.CASCADE, null=True)
        ),
    ),
    "a foreign key loses its constraint": alter("owner", owner(db_constraint=False)),
    "a foreign key loses its index": alter("owner", owner(db_index=False)),
    "a foreign key may be null": alter("owner", owner(null=True)),
    "an index goes": alter("name", models.CharField(max_length=20)),
    "an index comes": alter("note", models.TextField(null=True, db_index=True)),
    "unique comes": alter("part", models.IntegerField(null=True, unique=True)),
    "unique goes": alter("code", models.CharField(max_length=10)),
    "a column is named anew": alter("name", models.CharField(max_length=20, db_column="label")),
    "a collation": alter("note", models.TextField(null=True, db_collation="C")),
    "a comment comes": alter("size", models.IntegerField(default=1, db_comment="how big; 5")),
    "a default of the database comes": alter("size", models.IntegerField(db_default=9)),
    "a field is renamed": (migrations.RenameField("thing", "name", "label"),),
    "a renamed field is altered": (
        migrations.RenameField("thing", "name", "label"),
        migrations.AlterField("thing", "label", models.CharField(max_length=99, db_index=True)),
    ),
    "a field goes": (migrations.RemoveField("thing", "note"),),
    "a foreign key goes": (migrations.RemoveField("child", "thing"),),
    "a many to many goes": (migrations.RemoveField("child", "many"),),
    "the table's name": (migrations.AlterModelTable("thing", "things"),),
    "the table's comment": (migrations.AlterModelTableComment("thing", "it's; 100"),),
    "unique together": (migrations.AlterUniqueTogether("thing", {("size", "code")}),),
    "unique together comes and goes": (
        migrations.AlterUniqueTogether("thing", {("size", "code")}),
        migrations.AlterUniqueTogether("thing", set()),
    ),
    "an order": (migrations.AlterOrderWithRespectTo("thing", "owner"),),
    "options and managers": (
        migrations.AlterModelOptions("thing", {"ordering": ["name"], "verbose_name": "it"}),
    ),
    "an index": (migrations.AddIndex("thing", models.Index(fields=["part"], name="made_i")),),
    "a functional index": (
        migrations.AddIndex("thing", models.Index(Lower("name"), name="made_i")),
    ),
    "a partial index": (
        migrations.AddIndex(
            "thing", models.Index(fields=["size"], condition=Q(name="a%"), name="made_i")
        ),
    ),
    "a covering index": (
        migrations.AddIndex(
            "thing", models.Index(fields=["size"], include=["note"], name="made_i")
        ),
    ),
    "a gin index": (migrations.AddIndex("thing", GinIndex(fields=["tags"], name="made_i")),),
    "a brin index": (migrations.AddIndex("thing", BrinIndex(fields=["size"], name="made_i")),),
    "an index is dropped": (migrations.RemoveIndex("thing", "made_size_name"),),
    "an index is renamed": (
        migrations.RenameIndex("thing", new_name="made_new", old_name="made_size_name"),
    ),
    "a check": (
        migrations.AddConstraint(
            "thing",
            models.CheckConstraint(condition=Q(name__in=["a", "b"]) | Q(size__gt=0), name="made_c"),
        ),
    ),
    "a unique constraint": (
        migrations.AddConstraint(
            "thing",
            models.UniqueConstraint(
                fields=["code", "owner"], name="made_c", deferrable=models.Deferrable.DEFERRED
            ),
        ),
    ),
    "a unique expression": (
        migrations.AddConstraint("thing", models.UniqueConstraint(Lower("code"), name="made_c")),
    ),
    "a partial unique constraint": (
        migrations.AddConstraint(
            "thing",
            models.UniqueConstraint(fields=["part"], condition=Q(size__gt=3), name="made_c"),
        ),
    ),
    "nulls are not distinct": (
        migrations.AddConstraint(
            "thing",
            models.UniqueConstraint(fields=["made_at", "id"], nulls_distinct=False, name="made_c"),
        ),
    ),
    "a constraint goes": (
        migrations.RemoveConstraint("thing", "made_not_negative"),
        migrations.RemoveConstraint("thing", "made_one_name"),
    ),
    "a model": (
        migrations.CreateModel(
            "Other",
            [
                ("id", models.UUIDField(primary_key=True, default=uuid.uuid4)),
                ("at", models.DateTimeField(default=timezone.now)),
                ("thing", models.ForeignKey("made.Thing", models.PROTECT)),
            ],
            options={"unique_together": {("at", "thing")}, "db_table_comment": "5"},
        ),
    ),
    "a child table": (
        migrations.CreateModel(
            "Other",
            [
                (
                    "thing_ptr",
                    models.OneToOneField(
                        "made.Thing", models.CASCADE, parent_link=True, primary_key=True
                    ),
                ),
                ("more", models.IntegerField()),
            ],
            bases=("made.thing",),
        ),
    ),
    "a proxy": (
        migrations.CreateModel("Other", [], options={"proxy": True}, bases=("made.thing",)),
    ),
    "an unmanaged model": (
        migrations.CreateModel(
            "Other", [("id", models.AutoField(primary_key=True))], options={"managed": False}
        ),
    ),
    "two tables that point at each other": (
        migrations.CreateModel("Left", [("id", models.AutoField(primary_key=True))]),
        migrations.CreateModel(
            "Right",
            [
                ("id", models.AutoField(primary_key=True)),
                ("left", models.ForeignKey("made.Left", models.CASCADE)),
            ],
        ),
        migrations.AddField(
            "left", "right", models.ForeignKey("made.Right", models.CASCADE, null=True)
        ),
    ),
    "a composite key": (
        migrations.CreateModel(
            "Other",
            [
                ("pk", models.CompositePrimaryKey("one", "two")),
                ("one", models.IntegerField()),
                ("two", models.IntegerField()),
            ],
        ),
    ),
    "a model goes": (migrations.DeleteModel("Child"),),
    "several at once": (
        migrations.AddField("thing", "extra", models.IntegerField(default=4)),
        migrations.AlterField("thing", "part", models.IntegerField(default=3)),
        migrations.AddIndex("thing", models.Index(fields=["extra", "part"], name="made_i")),
        migrations.AddField(
            "owner", "thing", models.ForeignKey("made.Thing", models.CASCADE, null=True)
        ),
        migrations.RenameField("thing", "note", "remark"),
    ),
}
"""What is one migration each, on top of BASE; all of it is replayable."""

if django.VERSION >= (6,):
    CASES["a constraint is altered"] = (
        migrations.AlterConstraint(
            "thing",
            "made_not_negative",
            models.CheckConstraint(
                condition=Q(size__gte=0), name="made_not_negative", violation_error_message="no"
            ),
        ),
    )

QUICK: Final = (
    "text with percent, quotes, semicolons, dollars",
    "a many to many",
    "null becomes a constant",
    "several at once",
)
"""The share that `make test` runs."""
