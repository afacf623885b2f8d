"""What an adoption would do, from what lies in the schema and what the code's models want."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps

from migrations_tools.states import pending_between, state_of, tenant_labels, wanted_state
from sharding.schemas import names
from tenants.adoption.types import SHARED, AdoptionPlan, SoftKey, Survey, Through

_FURNITURE = frozenset({names.WRITE_PERMIT, names.HEARTBEAT})
_REFERENCE_PREFIX = "ref_"
_MIGRATIONS = "django_migrations"


def plan_adoption_of(survey: Survey) -> AdoptionPlan:
    """Compare a schema with the models of tenants' apps. Touches no database.

    An app whose tables are in the schema stays as it is, and its pending migrations follow. One
    that django-tenants had in the shared schema is brought: its tables are made new, as the code
    wants them, so its migrations must all have run there.
    """
    labels = tenant_labels()
    models = [*_models(labels)]
    tables = _by_label(models)
    known = state_of(survey.migrations)
    brought: set[str] = set()
    problems = [*_problems_of_schema(survey)]
    for label, wanted in sorted(tables.items()):
        here = wanted & survey.tables
        recorded = {node for node in known.nodes if node[0] == label}
        missing = {node for node in wanted_state().nodes if node[0] == label} - recorded
        if here and not missing and (lacking := sorted(wanted - here)):
            problems.append(
                f"{label}: its migrations are recorded, and it lacks the tables "
                f"{', '.join(lacking)}"
            )
        if here or not recorded:
            continue
        if missing:
            problems.append(
                f"{label}: its tables are in {SHARED!r}, and its migrations there are not those of "
                f"the code ({', '.join(sorted(name for _, name in missing))} is missing). Run this "
                "release's migrations with django-tenants first"
            )
        brought |= wanted
    problems += _problems_of_keys(survey, brought)
    managed = frozenset().union(*tables.values()) if tables else frozenset()
    return AdoptionPlan(
        survey=survey,
        bring=tuple(sorted(brought)),
        from_shared=tuple(sorted(brought & survey.shared)),
        throughs=tuple(_throughs(models, brought)),
        soft=tuple(_soft_keys(models, survey.tables, survey.shared.intersection(brought))),
        labels=labels,
        pending=tuple(f"{one.app_label}.{one.name}" for one in pending_between(known)),
        forget=tuple(sorted({app for app, _ in survey.migrations} - labels)),
        extra=tuple(sorted(survey.tables - managed - {_MIGRATIONS})),
        problems=tuple(problems),
    )


def _models(labels: frozenset[str]) -> Iterator[Any]:
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if options.app_label in labels and options.managed and not options.proxy:
            yield model


def _by_label(models: Iterable[Any]) -> dict[str, frozenset[str]]:
    grouped: defaultdict[str, set[str]] = defaultdict(set)
    for model in models:
        grouped[model._meta.app_label].add(model._meta.db_table)
    return {label: frozenset(tables) for label, tables in grouped.items()}


def _problems_of_schema(survey: Survey) -> Iterator[str]:
    if not survey.migrations:
        yield f"it has no {_MIGRATIONS}, or an empty one: it is no schema of a Django project"
    for table in sorted(survey.tables):
        if table in _FURNITURE or table.startswith(_REFERENCE_PREFIX):
            yield f"its table {table} has a name that is taken here: give the model another table"
    yield from survey.odd
    yield from survey.outward
    for signature in survey.own_name:
        yield f"function {signature} names the schema itself, which gets another name"


def _problems_of_keys(survey: Survey, brought: set[str]) -> Iterator[str]:
    for key in survey.leaving:
        where = f"{key.to_schema}.{key.to_table}"
        if key.to_schema != SHARED:
            yield f"{key.table}.{', '.join(key.columns)} refers to {where}, in another schema"
        elif key.to_table in survey.tables:
            yield (
                f"{key.table}.{', '.join(key.columns)} refers to {where}, and the schema has a "
                f"{key.to_table} of its own: it cannot be told whose rows are meant"
            )
        elif key.to_table not in brought:
            yield (
                f"{key.table}.{', '.join(key.columns)} refers to {where}, which no model of a "
                "tenant's app is stored in: give that model a tenant's home, or keep the id in a "
                "plain field"
            )


def _throughs(models: Iterable[Any], brought: set[str]) -> Iterator[Through]:
    for model in models:
        options, owner = model._meta, model._meta.auto_created
        if not owner or options.db_table not in brought:
            continue
        concrete = owner._meta.concrete_model
        field = next(
            field
            for field in options.local_fields
            if field.remote_field is not None and field.remote_field.model is concrete
        )
        yield Through(
            options.db_table,
            field.column,
            concrete._meta.db_table,
            field.target_field.column,
        )


def _soft_keys(
    models: Iterable[Any], here: frozenset[str], brought: frozenset[str]
) -> Iterator[SoftKey]:
    for model in models:
        if model._meta.db_table not in here:
            continue
        for field in model._meta.local_fields:
            related = field.remote_field.model if field.remote_field is not None else None
            if related is None or field.db_constraint:
                continue
            table = related._meta.concrete_model._meta.db_table
            if table in brought:
                yield SoftKey(model._meta.db_table, field.column, table, field.target_field.column)
