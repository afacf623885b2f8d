"""Whom moves leave where they are, for reasons that only this layer knows."""

from typing import Final

from sharding.moves.types import Refusal
from tenants.models import CONTROL, Tenant
from tenants.states import TenantState

_WHY: Final = {
    TenantState.PROVISIONING: Refusal(
        "moves.being_made",
        "It is still being made.",
        "Finish that first: run `manage.py create_tenant` again as it was asked for.",
    ),
    TenantState.SUSPENDED: Refusal(
        "moves.suspended",
        "It is suspended.",
        "Resume it first with `manage.py resume_tenant`.",
    ),
    TenantState.DELETED: Refusal(
        "moves.deleted",
        "It is deleted.",
        "Restore it first with `manage.py restore_tenant`, or let it be purged.",
    ),
}


class KnownTenants:
    """What `sharding.moves` asks of tenants."""

    def refusals(self, tenant_id: str) -> tuple[Refusal, ...]:
        """Suspended, deleted, being made."""
        tenant = Tenant.objects.using(CONTROL).filter(id=tenant_id).first()
        if tenant is None or tenant.state not in _WHY:
            return ()
        return (_WHY[TenantState(tenant.state)],)
