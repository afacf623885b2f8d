"""A shard dies while a move soaks, and comes back. The servers are this file's own."""

import pytest

from sharding.moves.core.steps import Mode
from sharding.moves.errors import MoveOnHold
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.watching import recover_stuck_moves
from tests.fixtures.connections import forget_connections
from tests.fixtures.servers import prepared_stack
from tests.integration.archives.conftest import make
from tests.integration.moves.conftest import (
    LEDGER,
    Mover,
    add_table,
    may_write,
    settled,
    streams_of,
    write,
    written,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers(django_db_blocker):
    with django_db_blocker.unblock(), prepared_stack(redis=False) as made:
        yield made


@pytest.fixture
def soaking(servers, request):
    """A tenant whose move soaks on beta."""
    tenant = Mover(make(f"soaker-{len(request.node.name)}", "alpha").slug)
    add_table(tenant, LEDGER)
    receipt = move_tenant(tenant.request(mode=Mode.LOGICAL))
    assert receipt.state == "soaking"
    yield tenant, str(receipt.move_id)
    for name in ("alpha", "beta"):
        servers.server(name).start()
    forget_connections()


def state_of(move):
    return Move.objects.using("control").get(pk=move).state


def test_the_way_back_outlives_a_crash_of_the_source_and_loses_nothing(servers, soaking):
    tenant, move = soaking
    write(tenant, "beta", 1, 2)
    servers.server("alpha").kill()
    write(tenant, "beta", 3, 4)
    assert may_write(tenant.id, "beta"), "a source that is away hurts nobody"
    servers.server("alpha").start()
    write(tenant, "beta", 5)
    back = rollback_move(move)
    assert (back.state, back.target) == ("soaking", "alpha")
    assert back.verified
    assert written(tenant) == [(1, number) for number in range(1, 6)]
    assert finish_move(move).state == "done"
    settled(tenant, on="alpha")


def test_a_target_that_is_away_is_not_left_and_after_its_crash_has_all_it_acknowledged(
    servers, soaking
):
    tenant, move = soaking
    write(tenant, "beta", 1, 2, 3)
    servers.server("beta").kill()
    with pytest.raises(MoveOnHold, match="beta"):
        rollback_move(move)
    assert state_of(move) == "soaking"
    assert not may_write(tenant.id, "alpha"), "nobody knows what it lacks"
    servers.server("beta").start()
    write(tenant, "beta", 4)
    back = rollback_move(move)
    assert (back.state, back.target) == ("soaking", "alpha")
    assert written(tenant) == [(1, number) for number in range(1, 5)]
    assert finish_move(move).state == "done"
    settled(tenant, on="alpha")


def test_a_way_back_to_a_dead_source_is_given_up_at_once_and_the_rest_is_owed(servers, soaking):
    tenant, move = soaking
    write(tenant, "beta", 1)
    servers.server("alpha").kill()
    with pytest.raises(MoveOnHold, match="alpha"):
        finish_move(move)
    assert state_of(move) == "finishing"
    assert streams_of(tenant.id, "beta") == [], "its slot would keep WAL for ever"
    write(tenant, "beta", 2)
    servers.server("alpha").start()
    assert [one.state for one in recover_stuck_moves()] == ["done"]
    assert written(tenant) == [(1, 1), (1, 2)]
    settled(tenant, on="beta")
