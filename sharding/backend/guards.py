"""Four places of Django where a record of another tenant could slip through.

The router sees saves, deletes and relations. It does not see `bulk_update`, lookups and updates by
a record, and many-to-many sets. Four thin wrappers look at the records there.

Not closable: `author_id=7` is just a number, and records with equal ids compare and hash equal:
no sets or dicts across tenants.

Source: docs/adr/0006.
"""

from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from sharding import scope
from sharding.backend import session_bound
from sharding.backend.alias import tenant_of
from sharding.scope import current

_MARK: Final = "_atoll_guard"


def refuse_foreign_record(record: Any, doing: str) -> None:
    """Refuse `record` where it is not the tenant's in scope.

    Raises:
        WrongTenant: it carries another tenant, or one while none is in scope.
        Unstamped: it was read past the router, on this tenant's shard.
    """
    state = getattr(record, "_state", None)
    alias = state.db if state is not None else None
    if alias is None:
        return
    tenant_id = tenant_of(alias)
    place = scope.tenant_or_none()
    if tenant_id is not None:
        if place is None or place.tenant_id != tenant_id:
            raise scope.WrongTenant(
                _describe(record, doing),
                belongs_to=tenant_id,
                in_scope=scope.describe(scope.current()),
            )
    elif place is not None and alias in (place.shard, "default") and not session_bound.active():
        raise scope.Unstamped(_describe(record, doing), in_scope=scope.describe(place))


def _describe(record: Any, doing: str) -> str:
    return f"{record._meta.label}(pk={record.pk!r}), met while {doing},"


def install_guards() -> None:
    """Put the four wrappers in place. Idempotent.

    Raises:
        AttributeError: this Django has no such method any more; the canary test says which.
    """
    from django.db.models import Model
    from django.db.models.fields.related import ForeignObject
    from django.db.models.sql.query import Query

    _wrap(Query, "check_query_object_type", "looking it up")
    _wrap(Model, "_prepare_related_fields_for_save", "saving it", looks_at_self=True)
    _wrap(Model, "prepare_database_save", "writing it into a column", looks_at_self=True)
    _wrap(ForeignObject, "get_foreign_related_value", "relating it")


def _wrap(owner: type[Any], name: str, doing: str, *, looks_at_self: bool = False) -> None:
    stock = getattr(owner, name)
    if hasattr(stock, _MARK):
        return

    # This tenant's own records come once per row of a page, hence no call is spent on them, and
    # no packing of arguments where the record is the only one.
    if looks_at_self:

        @wraps(stock)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_foreign_record(self, doing)
            return stock(self, *args, **kwargs)

    else:

        @wraps(stock)
        def guarded(self: Any, record: Any, *args: Any) -> Any:
            # Lookups also take plain values and querysets, which say nothing of a tenant.
            try:
                is_ours = record._state.db.tenant_id == current().tenant_id  # type: ignore[union-attr]
            except AttributeError:
                is_ours = False
            if not is_ours and hasattr(record, "_state"):
                refuse_foreign_record(record, doing)
            return stock(self, record, *args)

    setattr(guarded, _MARK, stock)
    setattr(owner, name, guarded)


def uninstall_guards() -> None:
    """Take the wrappers away again: the negative control of their tests."""
    from django.db.models import Model
    from django.db.models.fields.related import ForeignObject
    from django.db.models.sql.query import Query

    places: Iterable[tuple[type[Any], str]] = (
        (Query, "check_query_object_type"),
        (Model, "_prepare_related_fields_for_save"),
        (Model, "prepare_database_save"),
        (ForeignObject, "get_foreign_related_value"),
    )
    for owner, name in places:
        stock = getattr(getattr(owner, name), _MARK, None)
        if stock is not None:
            setattr(owner, name, stock)
