"""django-tenants' words on our connections: they mean "enter this scope".

`schema_context`, `tenant_context` and `connection.set_tenant` work on `default`. They leave
nothing on the connection. `public` means the control database; "back to public" leaves the scope.
"""

from dataclasses import dataclass
from typing import Any

from sharding import scope
from sharding.backend.errors import StatementRefused

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class TenantInScope:
    """What `connection.tenant` answers: django-tenants asks it for its schema only."""

    schema_name: str
    scope: scope.Scope

    def get_tenant_type(self) -> str:
        """All tenants are of one type."""
        return ""


class TenancyWords:
    """The attributes and methods of django-tenants' connection, answered from the scope."""

    include_public_schema = False

    @property
    def tenant(self) -> TenantInScope | None:
        """The tenant in scope; None without a scope."""
        place = scope.current()
        if place is None:
            return None
        return TenantInScope(place.schema if isinstance(place, scope.Placement) else PUBLIC, place)

    @tenant.setter
    def tenant(self, value: object) -> None:
        raise StatementRefused("Setting connection.tenant (say set_tenant, or scope.enter)")

    @property
    def schema_name(self) -> str | None:
        """The schema of the tenant in scope, `public` in control scope, else None."""
        tenant = self.tenant
        return tenant.schema_name if tenant is not None else None

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Enter the scope of `tenant`, an object with a `schema_name`.

        Raises:
            UnknownTenant: nobody knows that schema.
            OpenTransaction: another scope's transaction is open.
        """
        if isinstance(tenant, TenantInScope):
            _switch(tenant.scope)
        else:
            self.set_schema(tenant.schema_name, include_public)

    def set_schema(
        self, schema_name: str, include_public: bool = True, tenant_type: object = None
    ) -> None:
        """Enter the scope of the tenant whose schema this is; `public`: the control scope."""
        _switch(scope.CONTROL if schema_name == PUBLIC else scope.resolve(schema_name))

    def set_schema_to_public(self) -> None:
        """Leave the scope: what follows has no tenant, and no other default."""
        _switch(None)


def _switch(wanted: scope.Scope | None) -> None:
    # Entered and not left: django-tenants' contexts set the previous tenant themselves.
    scope.enter(wanted).__enter__()
