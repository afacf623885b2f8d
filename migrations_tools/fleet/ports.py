"""What upper layers tell the fleet: whom to leave alone, and why.

This package knows placements and schemas. That a tenant is suspended or deleted is known above.
"""

from collections.abc import Callable, Mapping

from migrations_tools.fleet.types import LeftAlone

Reasons = Callable[[], Mapping[str, LeftAlone]]
"""Tenant ids, each with why its schema is left alone."""

_asked: list[Reasons] = []


def leave_alone(reasons: Reasons) -> None:
    """Have `reasons` asked before each fleet migration. Idempotent."""
    if reasons not in _asked:
        _asked.append(reasons)


def left_alone(*, skip_suspended: bool = False) -> dict[str, str]:
    """Whom to leave alone now, and why. Asks control."""
    return {
        tenant_id: reason.why
        for reasons in _asked
        for tenant_id, reason in reasons().items()
        if skip_suspended or not reason.unless_wanted
    }
