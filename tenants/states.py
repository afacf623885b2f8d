"""States of tenants and of their provisioning, and the changes that are allowed."""

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


TENANT_TRANSITIONS: Mapping[TenantState, frozenset[TenantState]] = MappingProxyType(
    {
        TenantState.PROVISIONING: frozenset({TenantState.ACTIVE}),
        TenantState.ACTIVE: frozenset({TenantState.SUSPENDED}),
        TenantState.SUSPENDED: frozenset({TenantState.ACTIVE}),
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
