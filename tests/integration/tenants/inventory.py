"""What there is of tenants, in control and on the shards."""

from sharding.placements.models import Placement
from sharding.placements.services.placing import delete_placement, set_placement_state
from sharding.placements.states import PlacementState
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
from tenants.models import Domain, Provisioning, RetiredSlug, Tenant

SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{6,}$' ORDER BY 1"
MARKERS = "SELECT schema::text, phase FROM atoll.tenant_schema ORDER BY 1"


def everything():
    """What there is of tenants, in control and on the shards."""
    found = {
        model.__name__: sorted(model.objects.using("control").values_list("pk", flat=True))
        for model in (Tenant, Domain, Placement, Provisioning, RetiredSlug)
    }
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            found[name] = connection.execute(SCHEMAS).fetchall()
            found[f"{name} markers"] = connection.execute(MARKERS).fetchall()
    return found


def halves():
    """Schemas without a placement, and placements without a schema."""
    placements = Placement.objects.using("control")
    found = set()
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            there = {row[0] for row in connection.execute(SCHEMAS)}
        found |= there ^ set(placements.filter(shard=name).values_list("schema", flat=True))
    return found


def taken_back(slug):
    """Take a finished tenant away again, so that tests do not count each other's."""
    tenant = Tenant.objects.using("control").get(slug=slug)
    placement = Placement.objects.using("control").get(tenant_id=tenant.id)
    set_placement_state(tenant.id, PlacementState.DROPPING)
    drop_schema(registry.shard(placement.shard_id), placement.schema)
    delete_placement(tenant.id)
    tenant.delete(using="control")
