"""Whether a tenant is served: one pure function of the two states."""

from enum import StrEnum
from typing import assert_never

from sharding.placements.states import PlacementState
from tenants.states import TenantState


class Verdict(StrEnum):
    """What a request of the tenant gets."""

    SERVE = "serve"
    """The tenant's pages."""

    SUSPENDED = "suspended"
    """403 and a page that says so."""

    NOT_READY = "not ready"
    """503: it is being made."""

    WAIT = "wait"
    """It is on its way to another shard: a request waits at the gate, a task is put off."""

    GONE = "gone"
    """404, as for a host that was never known. A task is dropped."""


def may_serve(tenant: TenantState, placement: PlacementState) -> Verdict:
    """Decide by the tenant's state and that of its placement.

    What is gone is gone for everybody; then what people decided (suspended) comes before what
    machines do (moving), so that nobody learns from a pause that a closed tenant moves.
    """
    if placement is PlacementState.DROPPING:
        return Verdict.GONE
    match tenant:
        case TenantState.PROVISIONING:
            return Verdict.NOT_READY
        case TenantState.SUSPENDED:
            return Verdict.SUSPENDED
        case TenantState.DELETED:
            return Verdict.GONE
        case TenantState.ACTIVE:
            return _by_place(placement)
        case _:
            assert_never(tenant)


def _by_place(placement: PlacementState) -> Verdict:
    match placement:
        case PlacementState.READY:
            return Verdict.SERVE
        case PlacementState.MOVING:
            return Verdict.WAIT
        case PlacementState.CREATING:
            return Verdict.NOT_READY
        case PlacementState.DROPPING:
            return Verdict.GONE
        case _:
            assert_never(placement)
