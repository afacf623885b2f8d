"""The journal of a tenant's making."""

import logging

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from tenants.errors import WrongTenantState
from tenants.models import CONTROL, Provisioning
from tenants.states import PROVISION_TRANSITIONS, ProvisionState

log = logging.getLogger(__name__)


def read(tenant_id: str) -> ProvisionState:
    """How far it is."""
    return ProvisionState(Provisioning.objects.using(CONTROL).get(tenant_id=tenant_id).state)


def advance(tenant_id: str, to: ProvisionState) -> ProvisionState:
    """Write down that `to` is reached.

    Locks: the journal's row.
    Transaction: opens one on control, or joins the caller's.

    Raises:
        WrongTenantState: the table of transitions does not allow it.
    """
    with transaction.atomic(using=CONTROL):
        row = Provisioning.objects.using(CONTROL).select_for_update().get(tenant_id=tenant_id)
        if to not in PROVISION_TRANSITIONS[ProvisionState(row.state)]:
            raise WrongTenantState(tenant_id, found=row.state, wanted=to)
        row.state, row.last_error = to, ""
        row.save(using=CONTROL, update_fields=["state", "last_error"])
        Provisioning.objects.using(CONTROL).filter(tenant_id=tenant_id).update(changed_at=Now())
    return to


def note_error(tenant_id: str, error: str) -> None:
    """Keep for `show_tenant` why it stopped, if control can be told."""
    try:
        Provisioning.objects.using(CONTROL).filter(tenant_id=tenant_id).update(
            last_error=error, changed_at=Now()
        )
    except DatabaseError:
        log.warning("Control does not answer; it is not told why %s stopped", tenant_id)


def steps_after(
    done: ProvisionState | None, *, shard: str, hosts: tuple[str, ...]
) -> tuple[str, ...]:
    """What is still to do, in words."""
    steps = {
        ProvisionState.CLAIMED: f"claim {', '.join(hosts)} and a place on {shard}",
        ProvisionState.BUILT: f"build and migrate the schema on {shard}",
        ProvisionState.SEEDED: "run the steps of TENANT_PROVISION_STEPS",
        ProvisionState.DONE: f"open {hosts[0]}",
    }
    names = list(steps)
    begin = 0 if done is None else names.index(done) + 1
    return tuple(steps[name] for name in names[begin:])
