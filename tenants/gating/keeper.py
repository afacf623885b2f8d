"""One thread of a process asks, for all who wait at gates, whether they may go on."""

import logging
import threading
from typing import Final

from django.db import DatabaseError, connections
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from sharding.placements.models import CONTROL, Placement
from sharding.placements.states import PlacementState
from sharding.registry.errors import RegistryError
from tenants.directory.lookup import directory
from tenants.directory.types import IdKey
from tenants.gating.closures import Closures
from tenants.gating.rescue import ask_for_rescue
from tenants.gating.room import WaitingRoom

log = logging.getLogger(__name__)

LOOKS_EVERY_S: Final = 0.05
"""Besides, whenever an announcement says that a gate was opened."""

# By control's clock, which says when leases end.
_IS_WORKED_ON: Final = Case(When(lease_until__gte=Now(), then=Value(True)), default=Value(False))


class Keeper:
    """Its thread lives while somebody waits, and no longer."""

    def __init__(self, room: WaitingRoom, closures: Closures) -> None:
        self._room = room
        self._closures = closures
        self._hint = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def see_to(self) -> None:
        """Somebody has come in."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep, name="atoll gate keeper", daemon=True
                )
                self._thread.start()

    def look_now(self) -> None:
        """Something has changed."""
        self._hint.set()

    def _keep(self) -> None:
        away = False
        try:
            while self._is_needed():
                try:
                    self._look()
                    away = False
                except (DatabaseError, RegistryError) as error:
                    if not away:
                        log.warning("Nobody can say whether gates are open: %s", error)
                    away = True
                    connections.close_all()
                self._hint.wait(LOOKS_EVERY_S)
                self._hint.clear()
        finally:
            connections.close_all()

    def _is_needed(self) -> bool:
        # Under the lock: whoever comes in afterwards starts another thread.
        with self._lock:
            if self._room.tenants():
                return True
            self._thread = None
            return False

    def _look(self) -> None:
        waited_for = self._room.tenants()
        placements = Placement.objects.using(CONTROL).filter(tenant_id__in=waited_for)
        found = {one.tenant_id: one for one in placements.annotate(is_worked_on=_IS_WORKED_ON)}
        for tenant_id in waited_for:
            placement = found.get(tenant_id)
            if placement is not None:
                if placement.state == PlacementState.MOVING:
                    if not placement.is_worked_on:
                        ask_for_rescue()
                    continue
                self._closures.seen_ready(tenant_id, placement.epoch)
                if self._closures.is_closed(tenant_id):
                    continue
            directory().forget(tenant_id, [])
            self._room.let_go(tenant_id, directory().read(IdKey(tenant_id)))
