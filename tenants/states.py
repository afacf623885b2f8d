"""States of tenants and of their provisioning, and the changes that are allowed."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
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
    """Slug, domains and place are its own; nothing is on the shard."""

    SCHEMA_CREATED = "schema_created"
    """The schema is there with its furniture, closed to its tenant."""

    MIGRATED = "migrated"
    """All tables are there."""

    OPENED = "opened"
    """The tenant's role may look at and write its schema; people are not served yet."""

    SEEDED = "seeded"
    """TENANT_PROVISION_STEPS have run."""

    DONE = "done"
    """The tenant is served."""

    UNDOING = "undoing"
    """It is being taken back; only that can go on."""


PROVISION_ORDER = (
    ProvisionState.CLAIMED,
    ProvisionState.SCHEMA_CREATED,
    ProvisionState.MIGRATED,
    ProvisionState.OPENED,
    ProvisionState.SEEDED,
    ProvisionState.DONE,
)

PROVISION_TRANSITIONS: Mapping[ProvisionState, frozenset[ProvisionState]] = MappingProxyType(
    {
        **{
            before: frozenset({after, ProvisionState.UNDOING})
            for before, after in pairwise(PROVISION_ORDER)
        },
        ProvisionState.DONE: frozenset[ProvisionState](),
        ProvisionState.UNDOING: frozenset[ProvisionState](),
    }
)
