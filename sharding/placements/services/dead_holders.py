"""Leases whose holder has died need not be waited for, where we can see that it has."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models.functions import Now

from sharding.placements.errors import LeaseHeld
from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.leases import Lease


@contextmanager
def free_of_the_dead(wanted: Lease) -> Iterator[Lease]:
    """Take `wanted`; a lease of a process of this machine that is gone ends at once.

    Whose name says another machine is waited for as usual: nobody sees from here whether it lives.

    Raises:
        LeaseHeld: a living process holds it, or one that we cannot see.
    """
    try:
        held = wanted.__enter__()
    except LeaseHeld as error:
        if not _is_dead(error.holder):
            raise
        Placement.objects.using(CONTROL).filter(
            tenant_id=wanted.tenant_id, lease_holder=error.holder
        ).update(lease_until=Now())
        held = wanted.__enter__()
    with _entered(held):
        yield held


@contextmanager
def _entered(held: Lease) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        held.__exit__(type(error), error, error.__traceback__)
        raise
    held.__exit__(None, None, None)


def _is_dead(holder: str) -> bool:
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
