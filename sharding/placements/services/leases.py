"""One lease per tenant covers everything that changes its schema or its place."""

import logging
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.db import DatabaseError, models
from django.db.models import F, Q
from django.db.models.functions import Now

from sharding.placements.errors import LeaseHeld, LeaseLost
from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.placing import get_placement

DEFAULT_TTL = timedelta(seconds=60)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lease:
    """A lease that is taken when its block is entered and given back when it is left.

    Time is control's clock, asked in the statement that compares it, so that the clocks of the
    machines that compete do not matter.
    """

    tenant_id: str
    purpose: str
    ttl: timedelta
    holder: str = ""
    token: int = 0

    def __enter__(self) -> Self:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        taken = (
            self._row()
            .filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
            .update(
                lease_holder=self.holder,
                lease_purpose=self.purpose,
                lease_token=F("lease_token") + 1,
                lease_until=Now() + self.ttl,
            )
        )
        placement = get_placement(self.tenant_id)
        if not taken or placement.lease_holder != self.holder:
            raise LeaseHeld(
                self.tenant_id,
                # It may have been given back just now; the next try will tell.
                holder=placement.lease_holder or "somebody",
                purpose=placement.lease_purpose,
                until=placement.lease_until or placement.changed_at,
            )
        self.token = placement.lease_token
        return self

    def renew(self) -> None:
        """Begin the time anew; to be called well within it.

        Raises:
            LeaseLost: it ran out (whether or not somebody took it): stop at once.
        """
        if not self._mine().update(lease_until=Now() + self.ttl):
            raise LeaseLost(self.tenant_id, purpose=self.purpose)

    def raise_token(self, least: int) -> None:
        """Have a token of at least `least`: shards may have seen later ones than control knows.

        Raises:
            LeaseLost: it ran out: stop at once.
        """
        if least <= self.token:
            return
        if not self._mine().update(lease_token=least, lease_until=Now() + self.ttl):
            raise LeaseLost(self.tenant_id, purpose=self.purpose)
        self.token = least

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            given_back = self._mine().update(lease_holder="", lease_purpose="", lease_until=None)
        except DatabaseError:
            if error is None:
                raise
            log.warning("Control does not answer; the lease of %s runs out", self.tenant_id)
            return
        # An error in the block says more than the loss that it may have caused; and a row that is
        # gone was dropped by us.
        if not given_back and error is None and self._row().exists():
            raise LeaseLost(self.tenant_id, purpose=self.purpose)

    def _row(self) -> models.QuerySet[Placement]:
        return Placement.objects.using(CONTROL).filter(tenant_id=self.tenant_id)

    def _mine(self) -> models.QuerySet[Placement]:
        return self._row().filter(
            lease_holder=self.holder, lease_token=self.token, lease_until__gte=Now()
        )


def lease(tenant_id: str, purpose: str, ttl: timedelta = DEFAULT_TTL) -> Lease:
    """Hold the tenant's lease for the time of a `with` block.

    `purpose` is told to whoever wants it meanwhile. Longer work calls `renew()` between steps.

    Transaction: none on control may be open: others would not see who holds it.

    Raises:
        LeaseHeld: somebody else holds it; raised on entering.
        LeaseLost: it ran out; raised by renew(), and on leaving.
        NoSuchPlacement: the tenant has no placement.
    """
    return Lease(tenant_id, purpose, ttl)
