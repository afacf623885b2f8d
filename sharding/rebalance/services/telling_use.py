"""Bring what this process has counted of its tenants to control, now and then."""

import logging
import os
import random
from time import monotonic
from typing import Final

from django.db import DatabaseError, connections

from sharding.placements.models import CONTROL
from sharding.pools.meters import take_tenant_use
from sharding.pools.tenant_use import Uses, merge_use
from sharding.rebalance.services.use import add_use

log = logging.getLogger(__name__)

EVERY_S: Final = (10.0, 30.0)
"""Somewhere in between, anew each time: a hundred processes do not come at once."""


class UseTeller:
    """Takes the figures of this process, and keeps those that control did not take.

    For one thread: the heartbeat's.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._kept: Uses = {}
        self._next_at = monotonic() + random.uniform(*EVERY_S)
        self._silent = False

    def __call__(self, ending: bool) -> None:
        """Tell, if it is time, or the process ends."""
        if self._pid != os.getpid():
            # A fork has copied what the parent keeps, and will tell.
            self.__init__()  # type: ignore[misc]
        if ending or monotonic() >= self._next_at:
            self._next_at = monotonic() + random.uniform(*EVERY_S)
            self.tell()

    def tell(self) -> None:
        """Tell now. What control does not take is told the next time, with what comes till then."""
        merge_use(self._kept, take_tenant_use())
        try:
            add_use(self._kept)
        except DatabaseError as error:
            # The connection may be in no state to be used by the next beat.
            connections[CONTROL].close()
            if not self._silent:
                log.warning("What tenants use is told later: %s", error)
            self._silent = True
        else:
            self._kept = {}
            self._silent = False


tell_use: Final = UseTeller()
