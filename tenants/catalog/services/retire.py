"""Reference rows go in two steps: retired first, removed when no shard has a use for them."""

from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models, transaction

from routers.homes import Home, home_of
from sharding.placements.services.audit import record_audit
from sharding.placements.services.reference import Publication, publish_reference
from sharding.placements.services.reference_uses import find_uses_everywhere
from sharding.schemas.errors import ReferenceRowInUse
from sharding.schemas.services.reference_uses import Use
from tenants.catalog.errors import NoSuchRow, NotRetired, RowInUse, ShardsNotAsked
from tenants.models import CONTROL

Model = type[models.Model]


def find_reference_model(label: str) -> Model:
    """The reference model called `app.Model`, which has a field `retired`.

    Raises:
        NoSuchRow: there is none.
    """
    try:
        model: Model = apps.get_model(label)
        model._meta.get_field("retired")
    except (LookupError, ValueError) as error:
        raise NoSuchRow(label, "there is no such model.") from error
    except FieldDoesNotExist as error:
        raise NoSuchRow(label, "it has no field `retired`.") from error
    if home_of(model) is not Home.REFERENCE:
        raise NoSuchRow(label, f"its home is {home_of(model)}, not reference.")
    return model


def set_retired(model: Model, key: Any, *, retired: bool = True) -> Publication:
    """Offer a row no longer, or again, and publish that. Tenants' rows that use it stay.

    Transaction: opens one on control; publishes after it.
    Idempotent.

    Raises:
        NoSuchRow: nothing was changed.
    """
    with transaction.atomic(using=CONTROL):
        row = _get(model, key)
        before = row.retired
        if before != retired:
            _rows(model).filter(pk=row.pk).update(retired=retired)
            record_audit(
                "reference.retire" if retired else "reference.restore",
                _name(model, key),
                before={"retired": before},
                after={"retired": retired},
            )
    return publish_reference()


def find_row_uses(model: Model, key: Any) -> tuple[Use, ...]:
    """Every tenant's rows that refer to this one.

    Raises:
        NoSuchRow: there is no such row.
        ShardsNotAsked: a shard is away.
    """
    row = _get(model, key)
    uses, silent = find_uses_everywhere(
        model._meta.db_table, key=str(model._meta.pk.column), value=str(row.pk)
    )
    if silent:
        raise ShardsNotAsked(_name(model, key), silent)
    return uses


def remove_retired(model: Model, key: Any, *, dry_run: bool = False) -> Publication:
    """Delete a retired row in control and on every shard, if no tenant's row refers to it.

    Every shard is asked first, and must have heard that the row is retired. Should a tenant be
    faster, its foreign key refuses there, and the row is put back, retired.

    Transaction: one on control; forbids an open one.

    Raises:
        NoSuchRow, NotRetired, RowInUse, ShardsNotAsked: nothing was changed.
    """
    name = _name(model, key)
    row = _get(model, key)
    if not row.retired:
        raise NotRetired(name)
    heard = publish_reference(dry_run=dry_run)
    if heard.problems:
        raise ShardsNotAsked(name, heard.problems)
    if uses := find_row_uses(model, key):
        raise RowInUse(name, uses)
    if dry_run:
        return heard
    with transaction.atomic(using=CONTROL):
        # Django would look for tenants' tables in control.
        gone = _rows(model).filter(pk=row.pk, retired=True)
        gone._raw_delete(CONTROL)
        record_audit("reference.remove", name, before=_values(row))
    done = publish_reference()
    if any(outcome.code == ReferenceRowInUse.code for outcome in done.problems):
        _put_back(row, name)
        raise RowInUse(name, find_row_uses(model, key))
    return done


def _put_back(row: Any, name: str) -> None:
    with transaction.atomic(using=CONTROL):
        row.save(using=CONTROL, force_insert=True)
        record_audit("reference.put_back", name, after=_values(row))
    publish_reference()


def _get(model: Model, key: Any) -> Any:
    row = _rows(model).filter(pk=_as_key(model, key)).first()
    if row is None:
        raise NoSuchRow(_name(model, key), "there is no such row.")
    return row


def _as_key(model: Model, key: Any) -> Any:
    try:
        return model._meta.pk.to_python(key)
    except ValidationError as error:
        raise NoSuchRow(_name(model, key), "that is no key of this table.") from error


def _rows(model: Model) -> models.QuerySet[Any]:
    return model._base_manager.using(CONTROL)


def _name(model: Model, key: Any) -> str:
    return f"{model._meta.label} {key}"


def _values(row: Any) -> dict[str, object]:
    return {field.attname: str(getattr(row, field.attname)) for field in row._meta.concrete_fields}
