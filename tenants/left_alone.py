"""Which tenants a fleet migration leaves alone, for reasons that only this layer knows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from migrations_tools.fleet.types import LeftAlone
from tenants.models import CONTROL, Tenant
from tenants.states import TenantState

REASONS: Final[Mapping[TenantState, LeftAlone]] = MappingProxyType(
    {
        TenantState.SUSPENDED: LeftAlone("it is suspended", unless_wanted=True),
        TenantState.DELETED: LeftAlone("it is deleted; restore_tenant brings it to the code first"),
    }
)
"""A suspended tenant's outbox is still drained, and to resume it is one row: its schema has to fit
the code all the time, and is left alone only by those who ask for it."""


def left_alone() -> dict[str, LeftAlone]:
    """Tenant ids of those that nobody is served from, and why."""
    rows = Tenant.objects.using(CONTROL).filter(state__in=REASONS).values_list("id", "state")
    return {tenant_id: REASONS[TenantState(state)] for tenant_id, state in rows}
