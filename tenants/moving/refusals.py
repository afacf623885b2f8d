"""Whom moves leave where they are, for reasons that only this layer knows."""

from typing import Final

from sharding.moves.types import Refusal
from sharding.rebalance.models import Pin
from sharding.rebalance.services.wishes import pin_allows
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

    def refusals(self, tenant_id: str, *, target: str) -> tuple[Refusal, ...]:
        """Suspended, deleted, being made; pinned to another shard, or to labels it lacks."""
        tenant = Tenant.objects.using(CONTROL).filter(id=tenant_id).first()
        if tenant is None:
            return ()
        found = (_WHY[TenantState(tenant.state)],) if tenant.state in _WHY else ()
        pin = Pin.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
        return found if pin is None or pin_allows(pin, target) else (*found, _pinned(tenant, pin))


def _pinned(tenant: Tenant, pin: Pin) -> Refusal:
    why = f" ({pin.reason})" if pin.reason else ""
    return Refusal(
        "moves.pinned",
        f"It is pinned {pin.where}{why}.",
        f"Take that back first with `manage.py unpin_tenant {tenant.slug}`.",
    )
