"""What a tenant leaves behind on the shard that it came from is its role, and that for an hour."""

from datetime import timedelta

import pytest

from sharding.moves.services.moving import move_tenant
from sharding.moves.services.roles_left import drop_roles_left
from sharding.placements.services.leases import lease
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tests.integration.moves.conftest import settled

AT_ONCE = timedelta(0)


def has_role(tenant_id: str, shard: str) -> bool:
    with own_connection(registry.shard(shard)) as own:
        row = own.execute("SELECT to_regrole(%s) IS NOT NULL", (tenant_id,)).fetchone()
    return bool(row[0])


@pytest.mark.slow
def test_the_role_goes_when_no_process_can_miss_it_and_is_made_again_when_its_tenant_returns(
    new_tenant,
):
    tenant = new_tenant()
    move_tenant(tenant.request())
    drop_roles_left()
    assert has_role(tenant.id, "alpha"), "some process may still look there"
    with lease(tenant.id, "test"):
        drop_roles_left(older_than=AT_ONCE)
        assert has_role(tenant.id, "alpha"), "somebody works on the tenant"
    assert drop_roles_left(older_than=AT_ONCE) >= 1
    assert not has_role(tenant.id, "alpha")
    move_tenant(tenant.request())
    settled(tenant, on="alpha")
    drop_roles_left(older_than=AT_ONCE)
    assert has_role(tenant.id, "alpha"), "it lives there"
    assert not has_role(tenant.id, "beta")
