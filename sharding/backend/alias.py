"""An alias that knows whose it is."""

from functools import lru_cache
from typing import Any

from sharding.scope import Placement


class TenantAlias(str):
    """A database alias that equals the plain one and carries a tenant.

    The router answers it, Django keeps it in `record._state.db`, and so a record knows its tenant,
    through copies, pickles and relations.
    """

    __slots__ = ("tenant_id",)

    tenant_id: str

    def __new__(cls, alias: str, tenant_id: str) -> "TenantAlias":
        self = super().__new__(cls, alias)
        self.tenant_id = tenant_id
        return self

    def __reduce__(self) -> tuple[type["TenantAlias"], tuple[str, str]]:
        # Pickle's oldest protocols know no other way for a class with slots.
        return type(self), (str(self), self.tenant_id)

    def __repr__(self) -> str:
        return f"TenantAlias({str(self)!r}, {self.tenant_id!r})"


def alias_of(placement: Placement) -> TenantAlias:
    """The alias under which `placement`'s records are read and written."""
    return _alias(placement.shard, placement.tenant_id)


def tenant_of(alias: Any) -> str | None:
    """The tenant that `alias` carries, None for a plain one."""
    return getattr(alias, "tenant_id", None)


@lru_cache(maxsize=4096)
def _alias(shard: str, tenant_id: str) -> TenantAlias:
    return TenantAlias(shard, tenant_id)
