"""Bring a schema's content types and permissions to the ids that control has for them."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field

from sharding.schemas.connections import Connection
from sharding.schemas.services import renumber as schemas
from sharding.schemas.services.renumber import Column, GenericColumn, Holders, Renumbering

_OBJECT_ID = "object_id"


def renumber(connection: Connection, schema: str) -> Renumbering:
    """Give the schema the ids that control has, by what the code's models know of who holds them.

    The catalogue has the foreign keys. Models also know the fields without a constraint
    (`db_constraint=False`) and the generic relations, whose object may itself be a content type or
    a permission.

    Transaction: opens one, or joins the caller's; all of it or nothing.
    Locks: both tables against writers, and each row that changes, until the end.
    Idempotent: a schema whose ids are right is only looked at.

    Raises:
        GlobalIdsUnknown: the shard's reference tables do not have the ids; nothing was changed.
    """
    return schemas.renumber(connection, schema, holders_of_models())


def holders_of_models() -> Holders:
    """All columns in which the code's models keep ids of content types and permissions."""
    types: list[Column] = []
    permissions: list[Column] = []
    generic: dict[GenericColumn, None] = {}
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        table = model._meta.db_table
        for field in model._meta.local_fields:
            if field.column is None:
                continue  # a composite key has none of its own
            leads_to = _leads_to(field)
            if leads_to is ContentType:
                types.append(Column(table, field.column))
            elif leads_to is Permission:
                permissions.append(Column(table, field.column))
        generic.update(dict.fromkeys(_generic(model)))
    return Holders(tuple(types), tuple(permissions), tuple(generic))


def _leads_to(field: "Field[Any, Any]") -> Any:
    """The model whose primary key the field holds, through keys of keys and proxies."""
    related = field.remote_field.model if field.remote_field is not None else None
    if related is None or isinstance(related, str):
        return None
    concrete = related._meta.concrete_model
    if concrete in (ContentType, Permission) or concrete is None:
        return concrete
    # A one-to-one key to a model whose own primary key is such a field.
    key = concrete._meta.pk
    return _leads_to(key) if key is not None and key.remote_field is not None else None


def _generic(model: Any) -> Iterator[GenericColumn]:
    options = model._meta
    for field in options.private_fields:
        if isinstance(field, GenericForeignKey):
            yield from _pair(model, field.ct_field, field.fk_field)
    # By the same names without a generic key, as in the admin's log.
    for field in options.local_fields:
        if _leads_to(field) is ContentType:
            yield from _pair(model, field.name, _OBJECT_ID)


def _pair(model: Any, type_field: str, object_field: str) -> Iterator[GenericColumn]:
    try:
        of_type = model._meta.get_field(type_field)
        of_object = model._meta.get_field(object_field)
    except FieldDoesNotExist:
        return
    # Inherited ones are told of by the parent, whose table has them.
    if of_type.model is model and of_object.model is model:
        yield GenericColumn(model._meta.db_table, of_type.column, of_object.column)
