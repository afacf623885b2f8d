"""The journal of a tenant's purge."""

import logging

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from tenants.errors import WrongTenantState
from tenants.models import CONTROL, Purge
from tenants.states import PURGE_TRANSITIONS, PurgeState

log = logging.getLogger(__name__)


def read(tenant_id: str) -> PurgeState | None:
    """How far it is; None when it has not begun."""
    row = Purge.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
    return None if row is None else PurgeState(row.state)


def advance(tenant_id: str, to: PurgeState) -> PurgeState:
    """Write down that `to` is reached.

    Locks: the journal's row.
    Transaction: opens one on control, or joins the caller's.

    Raises:
        WrongTenantState: the table of transitions does not allow it.
    """
    with transaction.atomic(using=CONTROL):
        row = Purge.objects.using(CONTROL).select_for_update().get(tenant_id=tenant_id)
        if to not in PURGE_TRANSITIONS[PurgeState(row.state)]:
            raise WrongTenantState(tenant_id, found=row.state, wanted=to)
        Purge.objects.using(CONTROL).filter(tenant_id=tenant_id).update(
            state=to, last_error="", changed_at=Now()
        )
    return to


def note_error(tenant_id: str, error: str) -> None:
    """Keep for `show_tenant` why it stopped, if control can be told."""
    try:
        Purge.objects.using(CONTROL).filter(tenant_id=tenant_id).update(
            last_error=error, changed_at=Now()
        )
    except DatabaseError:
        log.warning("Control does not answer; it is not told why purging %s stopped", tenant_id)
