"""Histories of an app, drawn at random: migrations of every kind, each of which fits the last.

Pure but for Django's classes: a history is a list of operations, and the models that they make are
followed so that the next one has something to work on.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from django.db import migrations, models
from django.db.models import Q
from hypothesis import strategies as st

from tests.integration.replay.inside import awkward

FIELDS: Final[dict[str, Any]] = {
    "number": lambda: models.IntegerField(default=3),
    "maybe": lambda: models.IntegerField(null=True),
    "text": lambda: models.CharField(max_length=20, default="100 % 'it'; $$"),
    "slug": lambda: models.SlugField(default="a"),
    "long": lambda: models.TextField(null=True, db_index=True),
    "flag": lambda: models.BooleanField(default=False),
    "json": lambda: models.JSONField(default=dict),
    "by_database": lambda: models.IntegerField(db_default=8),
    "moment": lambda: models.DateTimeField(null=True),
}
"""Kinds of columns, none of which has another value in each schema."""

TABLE_OF: Final = {"A": "made_a", "B": "made_b", "C": "made_c"}
_BACK: Final = migrations.RunSQL.noop


class OwnAddField(migrations.AddField):
    """A class of somebody's own, which might look first."""


class OwnAddIndex(migrations.AddIndex):
    """Another one."""


@dataclass
class Drawn:
    """What the history has made so far: per model its fields, indexes and constraints."""

    models: dict[str, dict[str, str]] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def name(self, kind: str) -> str:
        """One that was never used."""
        self.number += 1
        return f"{kind}{self.number}"


@st.composite
def histories(draw: st.DrawFn, longest: int = 8) -> list[tuple[str, list[Any]]]:
    """Migrations by name; the first one makes two models."""
    so_far = Drawn()
    first = [_create(draw, so_far, "A"), _create(draw, so_far, "B")]
    found = [("0001_initial", first)]
    for number in range(2, 2 + draw(st.integers(1, longest))):
        operations = [
            operation for _ in range(draw(st.integers(1, 3))) for operation in _step(draw, so_far)
        ]
        found.append((f"{number:04}_step", operations))
    return found


def _step(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    kind = draw(st.sampled_from(_STEPS))
    return [operation for operation in kind(draw, so_far) if operation is not None]


def _create(draw: st.DrawFn, so_far: Drawn, model: str) -> Any:
    kinds = draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=3))
    fields = {so_far.name("f"): kind for kind in kinds}
    so_far.models[model] = fields
    return migrations.CreateModel(
        model,
        [("id", models.AutoField(primary_key=True))]
        + [(name, FIELDS[kind]()) for name, kind in fields.items()],
    )


def _another_model(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    return [] if "C" in so_far.models else [_create(draw, so_far, "C")]


def _add(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, kind = _model(draw, so_far), draw(st.sampled_from(sorted(FIELDS)))
    name = so_far.name("f")
    so_far.models[model][name] = kind
    operation = draw(st.sampled_from([migrations.AddField, OwnAddField]))
    return [operation(model, name, FIELDS[kind]())]


def _add_relation(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, to = _model(draw, so_far), _model(draw, so_far)
    name = so_far.name("r")
    relation = draw(
        st.sampled_from(
            [
                lambda: models.ForeignKey(
                    f"made.{to}", models.CASCADE, null=True, related_name="+"
                ),
                lambda: models.ManyToManyField(f"made.{to}", related_name="+"),
                lambda: models.ForeignKey(
                    f"made.{to}", models.SET_NULL, null=True, related_name="+", db_constraint=False
                ),
            ]
        )
    )
    # No kind: nothing else is done to it but to take it away.
    so_far.models[model][name] = ""
    return [migrations.AddField(model, name, relation())]


def _remove(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model = _model(draw, so_far)
    if len(so_far.models[model]) < 2:
        return []
    name = draw(st.sampled_from(sorted(so_far.models[model])))
    if _is_used(so_far, name):
        return []
    del so_far.models[model][name]
    return [migrations.RemoveField(model, name)]


def _rename(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, name = _column(draw, so_far)
    if not name or _is_used(so_far, name):
        return []
    new = so_far.name("f")
    so_far.models[model][new] = so_far.models[model].pop(name)
    return [migrations.RenameField(model, name, new)]


def _alter(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, name = _column(draw, so_far)
    if not name or _is_used(so_far, name):
        return []
    wider = {
        "maybe": lambda: models.IntegerField(default=4),
        "number": lambda: models.BigIntegerField(default=3, db_index=True),
        "text": lambda: models.TextField(default="x"),
        "long": lambda: models.TextField(default="it's 5 %", db_index=False),
    }.get(so_far.models[model][name])
    if wider is None:
        return []
    so_far.models[model][name] = "altered"
    return [migrations.AlterField(model, name, wider())]


def _add_index(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, column = _column(draw, so_far)
    if not column or so_far.models[model][column] == "json":
        return []
    name = so_far.name("made_i")
    so_far.indexes[name] = f"{model}.{column}"
    kind = draw(st.sampled_from([migrations.AddIndex, OwnAddIndex]))
    return [kind(model, models.Index(fields=[column], name=name))]


def _remove_index(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    if not so_far.indexes:
        return []
    name = draw(st.sampled_from(sorted(so_far.indexes)))
    model = so_far.indexes.pop(name).split(".")[0]
    return [migrations.RemoveIndex(model, name)]


def _rename_index(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    if not so_far.indexes:
        return []
    old = draw(st.sampled_from(sorted(so_far.indexes)))
    new = so_far.name("made_i")
    so_far.indexes[new] = so_far.indexes.pop(old)
    model = so_far.indexes[new].split(".")[0]
    return [migrations.RenameIndex(model, new_name=new, old_name=old)]


def _add_constraint(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model = _model(draw, so_far)
    numbers = [name for name, kind in so_far.models[model].items() if kind == "number"]
    if not numbers:
        return []
    name = so_far.name("made_c")
    so_far.constraints[name] = f"{model}.{numbers[0]}"
    constraint = draw(
        st.sampled_from(
            [
                models.CheckConstraint(condition=Q(**{f"{numbers[0]}__gte": 0}), name=name),
                models.UniqueConstraint(fields=["id", numbers[0]], name=name),
            ]
        )
    )
    return [migrations.AddConstraint(model, constraint)]


def _remove_constraint(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    if not so_far.constraints:
        return []
    name = draw(st.sampled_from(sorted(so_far.constraints)))
    model = so_far.constraints.pop(name).split(".")[0]
    return [migrations.RemoveConstraint(model, name)]


def _rename_constraint(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    """By hand, in the database and in Django's state; what was CHECK or UNIQUE is a CHECK then."""
    if not so_far.constraints:
        return []
    old = draw(st.sampled_from(sorted(so_far.constraints)))
    new = so_far.name("made_c")
    place = so_far.constraints.pop(old)
    model, column = place.split(".")
    so_far.constraints[new] = place
    constraint = models.CheckConstraint(condition=Q(**{f"{column}__gte": 0}), name=new)
    return [
        migrations.RemoveConstraint(model, old),
        migrations.AddConstraint(
            model, models.CheckConstraint(condition=Q(id__gt=-1), name=f"{new}x")
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f'ALTER TABLE {TABLE_OF[model]} RENAME CONSTRAINT "{new}x" TO "{new}"', _BACK
                )
            ],
            state_operations=[
                migrations.RemoveConstraint(model, f"{new}x"),
                migrations.AddConstraint(model, constraint),
            ],
        ),
    ]


def _run_sql(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model = _model(draw, so_far)
    table = TABLE_OF[model]
    text = draw(
        st.sampled_from(
            [
                f"COMMENT ON TABLE {table} IS 'by hand; 5 %'",
                f"CREATE INDEX {so_far.name('by_hand')} ON {table} (id)",
                f"DELETE FROM {table} WHERE id > 1000",
            ]
        )
    )
    return [migrations.RunSQL(text, _BACK)]


def _run_python(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    return [migrations.RunPython(awkward.count_everything, migrations.RunPython.noop)]


def _separate(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    model, name = _model(draw, so_far), so_far.name("f")
    so_far.models[model][name] = "maybe"
    return [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f'ALTER TABLE {TABLE_OF[model]} ADD COLUMN "{name}" integer NULL', _BACK
                )
            ],
            state_operations=[migrations.AddField(model, name, FIELDS["maybe"]())],
        )
    ]


def _options(draw: st.DrawFn, so_far: Drawn) -> list[Any]:
    return [migrations.AlterModelOptions(_model(draw, so_far), {"ordering": ["id"]})]


_STEPS: Final = (
    _another_model,
    _add,
    _add,
    _add_relation,
    _remove,
    _rename,
    _alter,
    _add_index,
    _remove_index,
    _rename_index,
    _add_constraint,
    _remove_constraint,
    _rename_constraint,
    _run_sql,
    _run_python,
    _separate,
    _options,
)


def _model(draw: st.DrawFn, so_far: Drawn) -> str:
    return draw(st.sampled_from(sorted(so_far.models)))


def _column(draw: st.DrawFn, so_far: Drawn) -> tuple[str, str]:
    model = _model(draw, so_far)
    plain = sorted(name for name, kind in so_far.models[model].items() if kind)
    return model, draw(st.sampled_from(plain)) if plain else ""


def _is_used(so_far: Drawn, name: str) -> bool:
    places = (*so_far.indexes.values(), *so_far.constraints.values())
    return any(place.split(".")[1] == name for place in places)
