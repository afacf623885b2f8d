"""Keep a lease through work that has no steps to renew it between."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections

from sharding.placements.errors import LeaseLost
from sharding.placements.services.leases import Lease

log = logging.getLogger(__name__)

_PER_TERM = 4
"""Renewals within one term: three may fail before it is lost."""


@contextmanager
def kept(held: Lease) -> Iterator[Callable[[], None]]:
    """Renew `held` in the background for the length of a block.

    What is yielded asks whether it is still ours; the block calls it before whatever cannot be
    taken back.

    Raises:
        LeaseLost: from that call, and at the end of the block, if it ran out meanwhile.
    """
    over, lost = threading.Event(), threading.Event()

    def renew() -> None:
        try:
            while not over.wait(held.ttl.total_seconds() / _PER_TERM):
                try:
                    held.renew()
                except LeaseLost:
                    lost.set()
                    return
                except DatabaseError:
                    log.warning("Control does not answer; the lease was not renewed this time")
        finally:
            # This thread's own.
            connections.close_all()

    def check() -> None:
        if lost.is_set():
            raise LeaseLost(held.tenant_id, purpose=held.purpose)

    keeper = threading.Thread(target=renew, name=f"lease of {held.tenant_id}", daemon=True)
    keeper.start()
    try:
        yield check
        check()
    finally:
        over.set()
        keeper.join()
