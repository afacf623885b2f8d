"""Ids that control believes to be free and that are not: control is older than the shard.

A control that was restored from a backup knows nothing of the tenants that were made since, and
their ids are as free there as they were then. Whoever got such an id would be given that tenant's
schema with all that is in it; an import would drop it. So nobody gets one, ever again.
"""

from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from sharding.placements.errors import IdsInUse
from sharding.placements.models import CONTROL, ReservedRole
from sharding.placements.services.audit import record_audit
from sharding.placements.services.spares import WITHHELD
from sharding.registry import current as addresses
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.services.image_replay import UNFINISHED
from sharding.schemas.services.markers import read_markers
from sharding.schemas.types import Marker, Phase

_SCHEMAS: Final = "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%(names)s)"


def refuse_ids_in_use(shard: str, *, used_by: str) -> None:
    """Look whether one of the ids that `reserve_tenant_id` may give for `used_by` is a tenant's.

    All of them at once: who comes next shall not meet the following one. What is reserved later is
    a new name, of which there can be nothing.

    Transaction: any, or none; changes nothing.

    Raises:
        IdsInUse: with them. `withhold_ids` has nobody get them.
        UnknownShard, ServerUnreachable: nobody can say.
    """
    names = list(_free(shard, used_by).values_list("name", flat=True))
    if not names:
        return
    with own_connection(addresses.shard(shard), BRIEF) as connection:
        markers = read_markers(connection, names)
        there = {name for (name,) in connection.execute(_SCHEMAS, {"names": names})}
    used = {name for name in there | markers.keys() if not _nobody_was_let_in(markers.get(name))}
    # Whoever was given one since the first look has made its schema: control knows of it now.
    forgotten = _free(shard, used_by).filter(name__in=used) if used else ()
    if forgotten:
        raise IdsInUse(shard, sorted(row.name for row in forgotten))


def withhold_ids(error: IdsInUse) -> None:
    """Never give these ids to anybody, unless they have become somebody's meanwhile.

    Transaction: opens one on control, or joins the caller's.
    Idempotent.
    """
    rows = ReservedRole.objects.using(CONTROL).filter(shard_id=error.shard, placed_at=None)
    with transaction.atomic(using=CONTROL):
        if rows.filter(name__in=error.ids).update(used_by=WITHHELD, spare=""):
            record_audit("shard.withhold_ids", error.shard, after={"ids": list(error.ids)})


def _free(shard: str, used_by: str) -> QuerySet[ReservedRole]:
    rows = ReservedRole.objects.using(CONTROL).filter(shard_id=shard, placed_at=None)
    return rows.filter(made_at__isnull=False, used_by__in=("", used_by))


def _nobody_was_let_in(marker: Marker | None) -> bool:
    """A spare, or half of one: whoever builds there takes it, or drops it."""
    if marker is None or marker.phase is not Phase.INCOMING:
        return False
    return bool(marker.spare) or marker.unfinished == UNFINISHED
