"""Which database a model's rows are in. Decides or raises; never says "no opinion"."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS

from routers.errors import ReferenceIsReadOnly
from routers.homes import Home, home_of, home_of_label
from sharding import scope
from sharding.backend import session_bound
from sharding.backend.alias import TenantAlias, alias_of, tenant_of

__all__ = ["TenantAlias", "TenantRouter"]

CONTROL = "control"


class TenantRouter:
    """Answers `control`, or the shard of the tenant in scope as an alias that names the tenant."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """The database to read `model` from.

        Raises:
            NoTenantInScope: a tenant's rows are asked for without a tenant.
            WrongTenant: the record in `hints` is another tenant's.
        """
        home = home_of(model)
        if home is Home.CONTROL:
            return CONTROL
        place = scope.current()
        if type(place) is scope.Placement and not hints:
            return alias_of(place)  # nearly always
        if home is Home.REFERENCE and place is scope.CONTROL:
            return CONTROL
        if not isinstance(place, scope.Placement):
            raise scope.NoTenantInScope(f"{model._meta.label}")
        record = hints.get("instance")
        if record is not None:
            _refuse_foreign(record, place)
        return alias_of(place)

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """The database to write `model` to.

        Raises:
            NoTenantInScope, WrongTenant: as for reading.
            ReferenceIsReadOnly: reference rows are written by control only.
        """
        alias = self.db_for_read(model, **hints)
        if alias != CONTROL and home_of(model) is Home.REFERENCE and _writes(model, hints):
            raise ReferenceIsReadOnly(model._meta.label)
        return alias

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        """Whether two records may be related.

        Raises:
            WrongTenant, CrossHomeRelation: instead of False, whose message says nothing of tenants.
        """
        homes = {home_of(obj1.__class__), home_of(obj2.__class__)}
        if homes == {Home.CONTROL, Home.TENANT}:
            raise scope.CrossHomeRelation(
                f"{obj1._meta.label} and {obj2._meta.label} live in different databases: the one "
                "in control, the other with each tenant. Keep the id in a plain field."
            )
        if homes == {Home.TENANT}:
            one, other = tenant_of(obj1._state.db), tenant_of(obj2._state.db)
            if one is not None and other is not None and one != other:
                raise scope.WrongTenant(
                    f"{obj2._meta.label}(pk={obj2.pk!r})", belongs_to=other, in_scope=f"{one}'s"
                )
            place = scope.current()
            if isinstance(place, scope.Placement):
                _refuse_foreign(obj1, place)
                _refuse_foreign(obj2, place)
        return True

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool:
        """Whether migrations of `app_label` touch `db`.

        Control's and reference models in control; tenants' on a shard, in session-bound mode only,
        so that `migrate`, `makemigrations` and checks neither need nor touch shards.
        """
        home = home_of_label(app_label, model_name)
        bound = session_bound.active_alias()
        # Libraries' migrations say `default` too, which is the shard in its tenant's scope.
        if bound is not None and db in (bound, DEFAULT_DB_ALIAS):
            return home is Home.TENANT
        return db == CONTROL and home is not Home.TENANT


def _refuse_foreign(record: Any, place: scope.Placement) -> None:
    alias = record._state.db
    if alias is None or tenant_of(alias) == place.tenant_id:
        return
    # Not its type(): `request.user` is a lazy stand-in, which only says it is a User.
    home = home_of(record.__class__)
    if home is Home.REFERENCE:
        return
    if home is Home.CONTROL:
        raise scope.CrossHomeRelation(
            f"{record._meta.label}(pk={record.pk!r}) lives in the control database and leads to no "
            f"rows of {place}."
        )
    tenant_id = tenant_of(alias)
    what = f"{record._meta.label}(pk={record.pk!r})"
    if tenant_id is None:
        if not session_bound.active():
            raise scope.Unstamped(what, in_scope=scope.describe(place))
    else:
        raise scope.WrongTenant(what, belongs_to=tenant_id, in_scope=scope.describe(place))


def _writes(model: Any, hints: dict[str, Any]) -> bool:
    """Whether this is a write, and not Django giving a new record the database of its relation."""
    related = hints.get("instance")
    return related is None or isinstance(related, model)
