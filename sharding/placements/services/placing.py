"""Create, change and read placements. Every change grows the epoch by one and is audited."""

from typing import Final

from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Now

from sharding.placements.errors import (
    NoSuchPlacement,
    PlacementChanged,
    WrongPlacementState,
)
from sharding.placements.models import CONTROL, Placement, ReservedRole, new_generation
from sharding.placements.services.audit import record_audit, who_acts
from sharding.placements.states import TRANSITIONS, PlacementState

_LEAP: Final = 1_000_000
"""More epochs than a placement has had since a shard was last told one: new cache keys grow it too,
and who remembers a later one than control would wait for it."""

# Within a tenant's pause: one question instead of two, of which `record_audit` would be the other.
_SWITCH: Final = """
    WITH switched AS (
        UPDATE placements_placement
        SET shard_id = %(target)s, epoch = %(epoch)s, arrived_epoch = %(epoch)s,
            generation = %(generation)s, changed_at = statement_timestamp()
        WHERE tenant_id = %(tenant)s AND shard_id = %(source)s AND state = %(moving)s
          AND epoch = %(expected)s
        RETURNING tenant_id, shard_id, epoch
    )
    INSERT INTO placements_auditentry (actor, action, subject, before, after)
    SELECT %(actor)s, 'placement.switch', tenant_id,
           jsonb_build_object('shard', %(source)s::text, 'epoch', %(expected)s::bigint),
           jsonb_build_object('shard', shard_id, 'epoch', epoch)
    FROM switched
"""


def get_placement(tenant_id: str) -> Placement:
    """The placement as control has it now.

    Raises:
        NoSuchPlacement: there is none.
    """
    try:
        return Placement.objects.using(CONTROL).get(tenant_id=tenant_id)
    except Placement.DoesNotExist:
        raise NoSuchPlacement(tenant_id) from None


def create_placement(tenant_id: str, shard: str) -> Placement:
    """Say that `tenant_id` will live on `shard`; its id is used up by this.

    Transaction: opens one on control, or joins the caller's.
    Idempotent: by tenant; the placement that is there is returned as it is.
    """
    with transaction.atomic(using=CONTROL):
        placement, created = Placement.objects.using(CONTROL).get_or_create(
            tenant_id=tenant_id, defaults={"shard_id": shard, "schema": tenant_id}
        )
        if created:
            ReservedRole.objects.using(CONTROL).filter(name=tenant_id).update(
                placed_at=Now(), spare=""
            )
            record_audit("placement.create", tenant_id, after=_facts(placement))
    return placement


def set_placement_state(
    tenant_id: str, to: PlacementState, *, expected_epoch: int | None = None
) -> Placement:
    """Bring a placement into another state; its epoch grows by one.

    Locks: the placement's row.
    Transaction: opens one on control, or joins the caller's.
    Idempotent: a placement that is in the state already stays as it is, epoch and all.

    Raises:
        NoSuchPlacement: there is none.
        WrongPlacementState: the table of transitions does not allow it.
        PlacementChanged: its epoch is not the expected one.
    """
    with transaction.atomic(using=CONTROL):
        placement = _locked(tenant_id)
        if expected_epoch is not None and placement.epoch != expected_epoch:
            raise PlacementChanged(tenant_id, found=placement.epoch, expected=expected_epoch)
        found = PlacementState(placement.state)
        if found is to:
            return placement
        if to not in TRANSITIONS[found]:
            raise WrongPlacementState(tenant_id, found=found, wanted=to)
        before = _facts(placement)
        Placement.objects.using(CONTROL).filter(tenant_id=tenant_id).update(
            state=to, epoch=F("epoch") + 1, changed_at=Now()
        )
        placement = get_placement(tenant_id)
        record_audit("placement.state", tenant_id, before=before, after=_facts(placement))
    return placement


def switch_placement(tenant_id: str, *, source: str, target: str, expected_epoch: int) -> int:
    """Say that a tenant lives on `target` from now on, and return its new epoch.

    One compare-and-set: of two that switch at once, one changes nothing. It stays MOVING, so that
    nobody goes there before it was opened. It gets new cache keys: until the source is sealed, who
    has not heard of the switch reads there what is old by then, and may keep it.

    Transaction: opens one on control, or joins the caller's.

    Raises:
        NoSuchPlacement: there is none.
        PlacementChanged: it is not MOVING from `source` at this epoch.
    """
    epoch = expected_epoch + 1
    facts: dict[str, int | str] = {
        "tenant": tenant_id,
        "source": source,
        "target": target,
        "moving": PlacementState.MOVING.value,
        "expected": expected_epoch,
        "epoch": epoch,
        "generation": new_generation(),
        "actor": who_acts(),
    }
    # Within a tenant's pause: a savepoint would be two more questions.
    with transaction.atomic(using=CONTROL, savepoint=False):
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_SWITCH, facts)
            switched = bool(cursor.rowcount)
        if not switched:
            found = get_placement(tenant_id)
            raise PlacementChanged(tenant_id, found=found.epoch, expected=expected_epoch)
    return epoch


def repair_placement(tenant_id: str, *, target: str, opened_epoch: int) -> Placement:
    """Say again that a tenant lives on `target`, where it was opened at that epoch.

    For a control database that came back from before the switch. It is MOVING then, to become
    READY like after any other switch.

    Transaction: opens one on control, or joins the caller's.
    Idempotent.
    """
    with transaction.atomic(using=CONTROL):
        placement = _locked(tenant_id)
        if placement.shard_id == target:
            return placement
        before = _facts(placement)
        Placement.objects.using(CONTROL).filter(tenant_id=tenant_id).update(
            shard_id=target,
            state=PlacementState.MOVING,
            epoch=max(placement.epoch, opened_epoch) + 1,
            arrived_epoch=opened_epoch,
            generation=new_generation(),
            changed_at=Now(),
        )
        placement = get_placement(tenant_id)
        record_audit("placement.repair", tenant_id, before=before, after=_facts(placement))
    return placement


def reattach_placement(
    tenant_id: str, shard: str, *, opened_epoch: int, token: int, used_by: str
) -> Placement:
    """Say that a tenant which control has forgotten lives on `shard`, and used its id up.

    opened_epoch, token: what its schema's marker says, the newest where there are several.

    Locks: the id's row.
    Transaction: the caller's on control.

    Raises:
        IntegrityError: it has a placement.
    """
    Placement.objects.using(CONTROL).create(
        tenant_id=tenant_id,
        shard_id=shard,
        schema=tenant_id,
        state=PlacementState.READY,
        epoch=opened_epoch + _LEAP,
        arrived_epoch=opened_epoch,
        lease_token=token,
    )
    ReservedRole.objects.using(CONTROL).update_or_create(
        name=tenant_id,
        defaults={"used_by": used_by, "spare": "", "placed_at": Now()},
        create_defaults={
            "shard_id": shard,
            "made_at": Now(),
            "used_by": used_by,
            "placed_at": Now(),
        },
    )
    placement = get_placement(tenant_id)
    record_audit("placement.reattach", tenant_id, after=_facts(placement))
    return placement


def delete_placement(tenant_id: str) -> bool:
    """Forget where a tenant lived, once its schema is gone; False if it was forgotten before.

    Transaction: opens one on control, or joins the caller's.

    Raises:
        WrongPlacementState: it is not being dropped.
    """
    with transaction.atomic(using=CONTROL):
        try:
            placement = _locked(tenant_id)
        except NoSuchPlacement:
            return False
        if placement.state != PlacementState.DROPPING:
            raise WrongPlacementState(tenant_id, found=placement.state, wanted="forgotten")
        record_audit("placement.delete", tenant_id, before=_facts(placement))
        placement.delete(using=CONTROL)
    return True


def renew_generation(tenant_id: str) -> Placement:
    """Forget every cached value of one tenant, everywhere, by giving its keys a new part.

    Transaction: opens one on control, or joins the caller's.
    """
    with transaction.atomic(using=CONTROL):
        placement = _locked(tenant_id)
        placement.generation = new_generation()
        placement.epoch += 1
        placement.save(using=CONTROL, update_fields=["generation", "epoch"])
        record_audit("placement.generation", tenant_id, after=_facts(placement))
    return placement


def _locked(tenant_id: str) -> Placement:
    try:
        return Placement.objects.using(CONTROL).select_for_update().get(tenant_id=tenant_id)
    except Placement.DoesNotExist:
        raise NoSuchPlacement(tenant_id) from None


def _facts(placement: Placement) -> dict[str, object]:
    return {"shard": placement.shard_id, "state": str(placement.state), "epoch": placement.epoch}
