"""Records that were read or saved by a bare alias know their tenant as well.

`using("default")`, `db_manager(alias)`, `save(using=…)` and routers of others name an alias that
says nothing of a tenant, and Django keeps it in the record. In a tenant's scope such an alias can
only mean that tenant's shard: what is asked for runs bound to it. So it is replaced by the one that
says so.

Source: docs/adr/0006.
"""

from functools import wraps
from typing import Any, Final

from sharding.backend.alias import alias_of
from sharding.scope import Placement, current

_MARK: Final = "_atoll_stamp"


def stamped(alias: Any) -> Any:
    """`alias`, with the tenant in scope if it is a bare name of that tenant's shard."""
    if type(alias) is str:
        place = current()
        if isinstance(place, Placement) and alias in ("default", place.shard):
            return alias_of(place)
    return alias


def install_stamping() -> None:
    """Let querysets and saved records carry the tenant, whatever alias was named. Idempotent."""
    from django.db.models import Model

    for owner in _querysets():
        if not hasattr(owner.db.fget, _MARK):
            owner.db = _of_tenant(owner.db)
    if not hasattr(Model.save_base, _MARK):
        stock: Any = Model.save_base

        @wraps(stock)
        def save_base(self: Any, *args: Any, using: str | None = None, **kwargs: Any) -> Any:
            return stock(self, *args, using=stamped(using), **kwargs)

        setattr(save_base, _MARK, stock)
        Model.save_base = save_base  # type: ignore[method-assign]


def uninstall_stamping() -> None:
    """Take it away again: the negative control of its tests."""
    from django.db.models import Model

    for owner in _querysets():
        owner.db = getattr(owner.db.fget, _MARK, owner.db)
    Model.save_base = getattr(Model.save_base, _MARK, Model.save_base)  # type: ignore[method-assign]


def _querysets() -> tuple[Any, ...]:
    from django.db.models.query import QuerySet, RawQuerySet

    return QuerySet, RawQuerySet


def _of_tenant(stock: Any) -> property:
    def db(self: Any) -> Any:
        # What our router has chosen is stamped; what somebody else's has is not.
        return stamped(stock.fget(self))

    db.__doc__ = stock.__doc__
    setattr(db, _MARK, stock)
    return property(db)
