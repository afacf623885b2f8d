"""States of tenants, of their making and of their purge, and the changes that are allowed."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class TenantState(StrEnum):
    """What people may do with a tenant."""

    PROVISIONING = "provisioning"
    """It is being made; nobody is served."""

    ACTIVE = "active"
    """It is served."""

    SUSPENDED = "suspended"
    """Its people are told that it is closed; its data stays."""

    DELETED = "deleted"
    """As if it had never been; its data stays until its grace is over, and it can be restored."""


TENANT_TRANSITIONS: Mapping[TenantState, frozenset[TenantState]] = MappingProxyType(
    {
        TenantState.PROVISIONING: frozenset({TenantState.ACTIVE}),
        TenantState.ACTIVE: frozenset({TenantState.SUSPENDED, TenantState.DELETED}),
        TenantState.SUSPENDED: frozenset({TenantState.ACTIVE, TenantState.DELETED}),
        # Restored as what it was; a purged tenant's row is deleted.
        TenantState.DELETED: frozenset({TenantState.ACTIVE, TenantState.SUSPENDED}),
    }
)


class ProvisionState(StrEnum):
    """How far a tenant's making is. Each names what is done; the next run goes on from there."""

    CLAIMED = "claimed"
    """Slug, domains and place are its own; on the shard there may be anything, closed."""

    BUILT = "built"
    """Schema, furniture and tables are there, and open to the tenant's role."""

    SEEDED = "seeded"
    """TENANT_PROVISION_STEPS have run."""

    DONE = "done"
    """The tenant is served."""

    UNDOING = "undoing"
    """It is being taken back; only that can go on."""


PROVISION_TRANSITIONS: Mapping[ProvisionState, frozenset[ProvisionState]] = MappingProxyType(
    {
        ProvisionState.CLAIMED: frozenset({ProvisionState.BUILT, ProvisionState.UNDOING}),
        ProvisionState.BUILT: frozenset({ProvisionState.SEEDED, ProvisionState.UNDOING}),
        ProvisionState.SEEDED: frozenset({ProvisionState.DONE, ProvisionState.UNDOING}),
        ProvisionState.DONE: frozenset(),
        ProvisionState.UNDOING: frozenset(),
    }
)
"""An undone tenant's rows are deleted."""


class PurgeState(StrEnum):
    """How far the purge of a deleted tenant is. Each names what is done; there is no way back."""

    BEGUN = "begun"
    """Its place is being dropped: it cannot be restored any more."""

    DROPPED = "dropped"
    """Its schema is gone."""

    CLEARED = "cleared"
    """Its files are gone and TENANT_PURGE_STEPS have run; only its rows in control are left."""


PURGE_TRANSITIONS: Mapping[PurgeState, frozenset[PurgeState]] = MappingProxyType(
    {
        PurgeState.BEGUN: frozenset({PurgeState.DROPPED}),
        PurgeState.DROPPED: frozenset({PurgeState.CLEARED}),
        PurgeState.CLEARED: frozenset(),
    }
)
"""After CLEARED its rows are deleted, this journal among them; the audit stays."""
