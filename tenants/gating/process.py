"""The gates of this process: what it has heard, who waits, and what it says of that."""

import os
from typing import Final

from sharding.placements.models import Announcement
from sharding.pools.process_slots import slots
from tenants.gating.closures import Closures
from tenants.gating.inside import TasksInside
from tenants.gating.keeper import Keeper
from tenants.gating.room import WaitingRoom
from tenants.gating.tally import forget_tally

CLOSED: Final = "gate.closed"
OPENED: Final = "gate.opened"
"""Kinds of announcements; the subject is the tenant's id."""


class ProcessGates:
    """All gates of a process."""

    def __init__(self) -> None:
        self.closures = Closures()
        self.room = WaitingRoom()
        self.tasks = TasksInside()
        self.keeper = Keeper(self.room, self.closures)


_gates = ProcessGates()


def gates() -> ProcessGates:
    """This process's."""
    return _gates


def forget_gates() -> None:
    """Begin with all open: in a forked child, whose parent's waiters are not its own."""
    global _gates
    _gates = ProcessGates()
    forget_tally()


def install() -> None:
    """Do so in every child that Python forks."""
    os.register_at_fork(after_in_child=forget_gates)


def hear(announcement: Announcement) -> None:
    """Close or open a gate because somebody said so. Called in the heartbeat's thread."""
    tenant_id = announcement.subject
    if announcement.kind == CLOSED:
        _gates.closures.close(
            tenant_id, epoch=announcement.body["epoch"], announcement=announcement.id
        )
    elif announcement.kind == OPENED:
        _gates.closures.lift(tenant_id)
        _gates.keeper.look_now()


def looks() -> dict[str, dict[str, int]]:
    """What the process row says: whose gates are closed, and how much of them is under way."""
    tasks = _gates.tasks
    return _gates.closures.looks(lambda one: slots().of_tenant(one) + tasks.count(one))
