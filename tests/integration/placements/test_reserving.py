"""Tenant ids whose roles are made ahead, and the shard that a new tenant gets."""

import threading

import pytest
from django.db import connections, transaction

from sharding.placements import ports
from sharding.placements.errors import NoShardAvailable, NoSuchShard, ShardUnavailable
from sharding.placements.models import ReservedRole, Shard
from sharding.placements.scoring import Held, Holdings
from sharding.placements.services.choosing import check_shard, choose_shard
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import (
    new_tenant_id,
    reserve_tenant_id,
    room_for_roles,
    top_up_roles,
)
from sharding.placements.services.shards import set_shard_state
from sharding.placements.states import ShardState
from sharding.registry.current import registry
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.scope.types import TENANT_ID_PATTERN


def roles_on(shard: str) -> set[str]:
    with own_connection(registry().shards[shard]) as connection:
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^t[0-9a-z]{7,}$'")
        return {name for (name,) in rows}


def free(shard: str):
    return ReservedRole.objects.using("control").filter(shard_id=shard, used_by="")


@pytest.fixture
def shard_row():
    """Alpha's row, put back as it was."""
    kept = Shard.objects.using("control").get(name="alpha")
    yield Shard.objects.using("control").get(name="alpha")
    kept.save(using="control")


def test_an_id_tells_nothing_and_is_never_given_twice():
    ids = {new_tenant_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(TENANT_ID_PATTERN.fullmatch(name) and len(name) >= 8 for name in ids)


def test_a_reserved_id_has_its_role_and_stays_with_whom_it_was_reserved_for():
    first = reserve_tenant_id("alpha", used_by="acme")
    assert first in roles_on("alpha")
    assert reserve_tenant_id("alpha", used_by="acme") == first
    assert reserve_tenant_id("alpha", used_by="acme2") != first
    create_placement(first, "alpha")
    assert reserve_tenant_id("alpha", used_by="acme") != first


def test_many_at_once_get_different_ids(settings):
    settings.ATOLL_ROLE_BATCH = 4
    ids = []

    def take(number: int) -> None:
        ids.append(reserve_tenant_id("beta", used_by=f"crowd{number}"))
        connections.close_all()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(ids)) == 8
    assert set(ids) <= roles_on("beta")


def test_a_batch_that_was_cut_off_is_finished_by_the_next_run(settings, fleet):
    settings.ATOLL_ROLE_BATCH = 3
    free("beta").delete()
    fleet.stop_server("beta")
    try:
        with pytest.raises(ServerUnreachable):
            reserve_tenant_id("beta", used_by="unlucky")
    finally:
        fleet.start_server("beta")
    written = set(free("beta").filter(made_at=None).values_list("name", flat=True))
    assert len(written) == 3
    assert reserve_tenant_id("beta", used_by="unlucky") in written
    assert written <= roles_on("beta")
    assert not ReservedRole.objects.using("control").filter(shard="beta", made_at=None).exists()


def test_beyond_its_cap_a_shard_takes_nobody(shard_row):
    free("alpha").delete()
    shard_row.role_cap = ReservedRole.objects.using("control").filter(shard="alpha").count()
    shard_row.save(using="control")
    assert room_for_roles(shard_row) == 0
    with pytest.raises(ShardUnavailable, match=f"bears {shard_row.role_cap} tenant roles"):
        reserve_tenant_id("alpha", used_by="late")
    with pytest.raises(ShardUnavailable, match="bears no more"):
        check_shard("alpha")
    assert choose_shard() == "beta"


def test_roles_that_control_does_not_know_of_count_as_well(shard_row):
    free("alpha").delete()
    known = ReservedRole.objects.using("control").filter(shard="alpha").count()
    shard_row.role_cap = known + 1
    shard_row.save(using="control")
    # The server has those that were deleted above beside the known ones.
    with pytest.raises(ShardUnavailable, match="tenant roles and bears"):
        top_up_roles("alpha")
    assert ReservedRole.objects.using("control").filter(shard="alpha").count() == known


def test_reserving_inside_a_transaction_is_refused():
    with transaction.atomic(using="control"), pytest.raises(RuntimeError, match="durable"):
        reserve_tenant_id("alpha", used_by="inside")


@pytest.fixture
def unmeasured():
    """Tenants are counted, whatever other tests have had measured."""
    kept = ports.holdings
    ports.register_holdings(ports.nothing_measured)
    yield
    ports.register_holdings(kept)


def test_the_emptier_shard_is_chosen_and_weight_counts(placement, shard_row, unmeasured):
    tenants = dict.fromkeys(("alpha", "beta"), 0)
    for shard in Shard.objects.using("control").all():
        tenants[shard.name] = shard.placements.using("control").count()
    assert tenants["alpha"] > tenants["beta"]
    assert choose_shard() == "beta"
    shard_row.weight = 1_000.0
    shard_row.save(using="control")
    assert choose_shard() == "alpha"


def test_what_tenants_cost_counts_as_well_as_how_many_there_are(placement, shard_row, unmeasured):
    shard_row.weight = 1.5
    shard_row.save(using="control")
    counts = {
        shard.name: max(1, shard.placements.using("control").count())
        for shard in Shard.objects.using("control")
    }
    for huge, other in (("beta", "alpha"), ("alpha", "beta")):
        held = {
            huge: Held(bytes=1e12, load=0, measured=counts[huge]),
            other: Held(bytes=1, load=0, measured=counts[other]),
        }
        ports.register_holdings(lambda held=held: Holdings(held))
        assert choose_shard() == other


@pytest.mark.parametrize("state", sorted(set(ShardState) - {ShardState.ACTIVE}))
def test_only_an_active_shard_takes_tenants(state, shard_row):
    set_shard_state("alpha", state)
    with pytest.raises(ShardUnavailable, match="'alpha' takes no new tenant"):
        check_shard("alpha")
    assert choose_shard() == "beta"
    kept = Shard.objects.using("control").get(name="beta")
    set_shard_state("beta", state)
    try:
        with pytest.raises(NoShardAvailable, match=r"alpha: it is .* beta: it is"):
            choose_shard()
    finally:
        kept.save(using="control")


def test_a_shard_that_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(NoSuchShard, match=r"no shard 'gamma'\. Known are: alpha, beta\."):
        check_shard("gamma")
