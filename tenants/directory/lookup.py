"""Ask the directory: this process's memory, then Redis, then control.

No correctness rests on what is remembered here. A process that has not heard of a change is
stopped by the shard: a tenant that moved is fenced or sealed where it was.
"""

import logging
from collections.abc import Callable
from functools import cache

from django.db.utils import DatabaseError
from django.utils.connection import ConnectionDoesNotExist

from sharding import scope
from sharding.placements.services.processes import hears
from sharding.registry.errors import RegistryError
from tenants.conf import tenant_settings
from tenants.directory import shared
from tenants.directory.control_gate import RETRY_S, ControlGate
from tenants.directory.memory import Memory, Remembered
from tenants.directory.single_flight import SingleFlight
from tenants.directory.source import PATIENCE_S, ask_control, may_remember
from tenants.directory.types import Entry, HostKey, IdKey, Key
from tenants.errors import DirectoryAway

log = logging.getLogger(__name__)

UNKNOWN_FOR_S = 2.0
"""How long "no such tenant" is believed: a tenant that was just made shall be found soon."""

_AWAY = (DatabaseError, RegistryError, ConnectionDoesNotExist)


class Directory:
    """The directory of one process."""

    def __init__(
        self,
        size: int,
        remembered_for_s: float,
        *,
        heard_for_s: float = 0,
        hears: Callable[[], bool] = hears,
    ) -> None:
        self._known = Memory(size)
        # Apart, so that asking for names that do not exist pushes out nobody who does.
        self._unknown = Memory(size)
        self._flights: SingleFlight[Entry | None] = SingleFlight()
        self._gate = ControlGate()
        self._fresh_for = remembered_for_s
        self._heard_for = heard_for_s
        self._hears = hears
        self._forgotten = 0

    def peek(self, key: Key) -> Remembered | None:
        """A fresh answer from memory; None when somebody must be asked. Never waits."""
        found = self._known.get(key) or self._unknown.get(key)
        return found if found is not None and found.is_fresh(self._hears) else None

    def lookup(self, key: Key) -> Entry | None:
        """The tenant, or None when there is none; an old answer while control is away.

        Raises:
            DirectoryAway: control does not answer and nothing is remembered.
        """
        fresh = self.peek(key)
        if fresh is not None:
            return fresh.entry
        old = self._known.get(key)
        if old is not None and self._flights.is_flying(key):
            return old.entry
        try:
            return self._flights.run(key, lambda: self._find(key, old), patience_s=2 * PATIENCE_S)
        except TimeoutError:
            raise DirectoryAway(str(key)) from None

    def knows_somebody(self) -> bool:
        """Whether some tenant would be served though control were away; asks Redis at most."""
        return len(self._known) > 0 or shared.remembers_somebody()

    def read(self, key: Key) -> Entry | None:
        """What control says now, past every cache; remembered from then on.

        Raises:
            DatabaseError: control is away.
        """
        forgotten = self._forgotten
        entry = ask_control(key)
        if may_remember():
            # One that was on its way while something was forgotten may be just that.
            heard = self._heard_for if forgotten == self._forgotten else 0
            self.remember(key, entry, heard_for=heard)
            if entry is not None:
                shared.put(key, entry, fresh_for=tenant_settings().remembered_for)
        return entry

    def forget(self, tenant_id: str, keys: list[Key]) -> None:
        """Ask again about this tenant, and about `keys`, which led nowhere perhaps."""
        self._forgotten += 1
        self._known.forget_tenant(tenant_id)
        for key in keys:
            self._known.forget(key)
            self._unknown.forget(key)

    def clear(self) -> None:
        """Forget everything that this process remembers."""
        self._known.clear()
        self._unknown.clear()
        self._gate.answered()

    def remember(self, key: Key, entry: Entry | None, *, heard_for: float = 0) -> None:
        """Believe this answer for as long as answers are believed; `heard_for`: see Remembered.

        What comes out of Redis may be what was just announced to be good no longer, put there by
        a process that had not heard of it: it is believed for the short time only.
        """
        if entry is None:
            self._known.forget(key)
            self._unknown.put(key, None, fresh_for=min(UNKNOWN_FOR_S, self._fresh_for))
        else:
            self._unknown.forget(key)
            self._known.put(key, entry, fresh_for=self._fresh_for, heard_for=heard_for)

    def _find(self, key: Key, old: Remembered | None) -> Entry | None:
        told = shared.get(key)
        if told is not None and told.is_fresh:
            self.remember(key, told.entry)
            return told.entry
        if self._gate.lets_through():
            try:
                entry = self.read(key)
            except _AWAY as error:
                self._gate.failed()
                log.warning("Control does not answer, the directory goes by memory: %s", error)
            else:
                self._gate.answered()
                return entry
        last_known = told.entry if told is not None else old.entry if old is not None else None
        if last_known is None:
            raise DirectoryAway(str(key))
        # For a moment as if fresh: the next requests shall not even ask Redis.
        self._known.put(key, last_known, fresh_for=min(RETRY_S, self._fresh_for))
        return last_known


@cache
def directory() -> Directory:
    """This process's directory."""
    conf = tenant_settings()
    return Directory(
        conf.directory_size,
        conf.remembered_for.total_seconds(),
        heard_for_s=conf.heard_for.total_seconds(),
    )


def lookup(host: str) -> Entry | None:
    """The tenant that `host` (in the form of `tenants.hosts`) leads to, or None.

    Raises:
        DirectoryAway: nobody can say now.
    """
    return directory().lookup(HostKey(host))


def lookup_id(tenant_id: str) -> Entry | None:
    """The tenant with this id or schema, or None.

    Raises:
        DirectoryAway: nobody can say now.
    """
    return directory().lookup(IdKey(tenant_id))


def resolve(name: str) -> scope.Placement:
    """The placement of the tenant with this id or schema, for `scope.resolve`.

    Raises:
        UnknownTenant: there is none.
        DirectoryAway: nobody can say now.
    """
    entry = lookup_id(name)
    if entry is None:
        raise scope.UnknownTenant(name)
    return entry.placement
