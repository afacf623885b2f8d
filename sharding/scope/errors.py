"""What a scope refuses.

ScopeError
├── NoTenantInScope
├── WrongTenant
│   └── Unstamped
├── WrongShard
├── OpenTransaction
├── LeftOpenTransaction
├── CrossHomeRelation
└── UnknownTenant
"""

from typing import ClassVar


class ScopeError(Exception):
    """The code runs in a scope in which it may not do this."""

    code: ClassVar[str] = "scope"
    retryable: ClassVar[bool] = False


class NoTenantInScope(ScopeError):
    """Tenant data was asked for, and no tenant is in scope.

    Enter one first: `with sharding.scope.enter(placement): …`; a request gets its scope from
    TenantMiddleware, a task from TenantTask, a command from `manage.py tenant_command`. Shared
    data is named: `.using("control")`. New threads start without a scope.
    """

    code = "scope.no_tenant"

    def __init__(self, what: str = "This") -> None:
        super().__init__(
            f"{what} needs a tenant in scope, and there is none. Enter one: "
            "`with sharding.scope.enter(placement):` (a request gets its scope from "
            "TenantMiddleware, a task from TenantTask, a command from `manage.py "
            'tenant_command`); data shared by all tenants is named: `.using("control")`. '
            "A new thread starts without a scope."
        )


class WrongTenant(ScopeError):
    """A record of one tenant was used in the scope of another."""

    code = "scope.wrong_tenant"

    def __init__(self, what: str, *, belongs_to: str, in_scope: str) -> None:
        self.belongs_to = belongs_to
        self.in_scope = in_scope
        super().__init__(
            f"{what} belongs to tenant {belongs_to}, but the scope is {in_scope}. "
            "Read it again inside the scope in which you use it."
        )


class Unstamped(WrongTenant):
    """A record that names no tenant was used in a tenant's scope."""

    code = "scope.unstamped"

    def __init__(self, what: str, *, in_scope: str) -> None:
        super().__init__(what, belongs_to="(none: it was read past the router)", in_scope=in_scope)


class WrongShard(ScopeError):
    """A connection of one shard was used in the scope of a tenant that lives on another."""

    code = "scope.wrong_shard"

    def __init__(self, *, connection: str, scope: str) -> None:
        self.connection = connection
        super().__init__(
            f"This connection leads to {connection}, but the scope is {scope}. "
            "Use `default`, which follows the scope, and do not keep connections across scopes."
        )


class OpenTransaction(ScopeError):
    """Another scope was to be entered inside an open transaction."""

    code = "scope.open_transaction"

    def __init__(self, *, current: str, wanted: str, aliases: tuple[str, ...]) -> None:
        self.aliases = aliases
        super().__init__(
            f"The scope {wanted} cannot be entered from {current} while a transaction is open on "
            f"{', '.join(aliases)}: a rollback there would not undo what is done here. Leave the "
            "atomic block first, or say enter(…, independent=True) for a connection of its own."
        )


class LeftOpenTransaction(ScopeError):
    """A scope was left at another transaction depth than it was entered at."""

    code = "scope.left_open_transaction"

    def __init__(self, *, scope: str, aliases: tuple[str, ...]) -> None:
        self.aliases = aliases
        super().__init__(
            f"The scope {scope} was left while the transaction depth of {', '.join(aliases)} was "
            "not what it was at entry. The connection was closed, its open work is rolled back. "
            "Nest `atomic()` inside `enter()`, never across it."
        )


class CrossHomeRelation(ScopeError):
    """A relation would join records of different homes or tenants."""

    code = "scope.cross_home_relation"


class UnknownTenant(ScopeError):
    """No tenant is known by this id, and so no scope can be entered for it."""

    code = "scope.unknown_tenant"

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(
            f"No tenant has the id or schema {tenant!r}. "
            "`manage.py list_tenants` shows those there are."
        )
