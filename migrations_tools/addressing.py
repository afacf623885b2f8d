"""On which database a command about migrations works: control's, or that of the tenant in scope."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from migrations_tools.execution import labels_of
from sharding import scope
from sharding.backend.session_bound import session_bound

CONTROL = "control"

_HOW = "`manage.py tenant_command {command} … ` runs it for one tenant"


@contextmanager
def database_for(command: str, app_label: str = "", *, asked_for: str = "") -> Iterator[str]:
    """The alias to work on, owner-bound when it is a tenant's.

    A tenant's app needs a tenant in scope. Without an app it is the tenant in scope, or else
    control. `asked_for` is what somebody said by --database.

    Raises:
        CommandError: no tenant in scope, or a shard was named.
    """
    place = scope.tenant_or_none()
    if asked_for not in ("", "default", CONTROL):
        raise CommandError(
            f"A shard holds many tenants, so --database {asked_for} says too little: "
            f"{_HOW.format(command=command)}."
        )
    of_control = app_label in labels_of(CONTROL) if app_label else place is None
    if asked_for == CONTROL or of_control:
        yield CONTROL
        return
    if place is None:
        raise CommandError(
            f"{app_label} is an app of tenants, and none is in scope: "
            f"{_HOW.format(command=command)}."
        )
    with session_bound(place):
        yield place.shard
