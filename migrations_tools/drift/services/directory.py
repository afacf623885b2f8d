"""Read what control believes, as the comparison wants it."""

from collections.abc import Collection

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from migrations_tools.drift.types import Directory, Placed
from sharding.placements.models import CONTROL, Placement, ReservedRole
from sharding.placements.services.spares import all_spares
from sharding.registry.current import registry


def read_directory(tenants: Collection[str] | None = None) -> Directory:
    """All placements and all ids ever given out, as they are now.

    tenants: the ids that the layer above knows; None leaves that comparison out.
    """
    leased = ExpressionWrapper(
        Q(lease_until__isnull=False) & Q(lease_until__gte=Now()), output_field=BooleanField()
    )
    rows = Placement.objects.using(CONTROL).annotate(leased=leased)
    placements = {
        row.tenant_id: Placed(
            tenant_id=row.tenant_id,
            shard=row.shard_id,
            schema=row.schema,
            state=str(row.state),
            epoch=row.epoch,
            arrived_epoch=row.arrived_epoch,
            leased=row.leased,
        )
        for row in rows.iterator()
    }
    return Directory(
        placements=placements,
        incarnations={name: server.incarnation for name, server in registry().shards.items()},
        roles=frozenset(ReservedRole.objects.using(CONTROL).values_list("name", flat=True)),
        tenants=None if tenants is None else frozenset(tenants),
        spares=all_spares(),
    )
