"""What the running code works in: no scope, control, or one tenant's placement.

The one package that re-exports: `from sharding import scope` is what all code says.
"""

from sharding.scope.current import current, describe, replace, tenant, tenant_or_none
from sharding.scope.entering import enter
from sharding.scope.errors import (
    CrossHomeRelation,
    LeftOpenTransaction,
    NoTenantInScope,
    OpenTransaction,
    ScopeError,
    UnknownTenant,
    Unstamped,
    WrongShard,
    WrongTenant,
)
from sharding.scope.ports import (
    before_switch,
    register_connections_probe,
    register_resolver,
    resolve,
)
from sharding.scope.types import CONTROL, ControlScope, Placement, Scope

__all__ = [
    "CONTROL",
    "ControlScope",
    "CrossHomeRelation",
    "LeftOpenTransaction",
    "NoTenantInScope",
    "OpenTransaction",
    "Placement",
    "Scope",
    "ScopeError",
    "UnknownTenant",
    "Unstamped",
    "WrongShard",
    "WrongTenant",
    "before_switch",
    "current",
    "describe",
    "enter",
    "register_connections_probe",
    "register_resolver",
    "replace",
    "resolve",
    "tenant",
    "tenant_or_none",
]
