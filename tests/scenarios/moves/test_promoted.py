"""A standby is promoted under a move over streams: what it lacks, no stream brings again.

It had said that it has a row, so the other end forgot it; and its own slots are gone with the
primary. The servers are this file's own.
"""

import time
from datetime import timedelta

import psycopg
import pytest

from sharding.moves.core.steps import Mode
from sharding.moves.errors import CopiesDiffer, EndsChanged
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.work import Work
from sharding.placements.services.incarnations import seal_shard
from sharding.placements.services.restored import open_restored_shard
from tests.fixtures.connections import forget_connections
from tests.fixtures.servers import prepared_stack
from tests.fixtures.standbys import copy_of, put_in_place
from tests.fixtures.waiting import wait_for
from tests.integration.archives.conftest import make
from tests.integration.moves.conftest import (
    LEDGER,
    Mover,
    add_table,
    at,
    may_write,
    settled,
    write,
    written,
)

__all__ = ["at"]

pytestmark = pytest.mark.slow

HAS_SENT = """
    SELECT confirmed_flush_lsn >= %(all)s::pg_lsn FROM pg_replication_slots
    WHERE starts_with(slot_name, %(prefix)s)
"""


@pytest.fixture(scope="module")
def servers(django_db_blocker):
    with django_db_blocker.unblock(), prepared_stack(redis=False) as made:
        yield made


@pytest.fixture
def tenant(servers, request):
    number = Move.objects.using("control").count()
    made = Mover(make(f"promoted-{number}", "alpha").slug)
    add_table(made, LEDGER)
    return made


def until_all_is_acknowledged(servers, tenant, shard):
    """What this shard has written and will send again to nobody."""
    with psycopg.connect(servers.admin_conninfo(shard), autocommit=True) as admin:
        (now,) = admin.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        facts = {"all": now, "prefix": f"mv_{tenant.id}_"}
        wait_for(
            lambda: admin.execute(HAS_SENT, facts).fetchone()[0],
            "the other end does not say that it has all",
            seconds=60,
        )


def promote_a_standby_that_lacks_rows(servers, tenant, name, *, rows, at):
    """Its primary had the rows, which are written `at` the other end, and had said so."""
    until_all_is_acknowledged(servers, tenant, at)
    standby = copy_of(servers, name)
    write(tenant, at, *rows)
    until_all_is_acknowledged(servers, tenant, at)
    seal_shard(name, servers.files.registry)
    put_in_place(servers, name, standby)
    forget_connections()
    open_restored_shard(name)


def move_of(tenant):
    return Move.objects.using("control").get(tenant_id=tenant.id)


def test_a_soak_whose_source_was_promoted_is_not_gone_back_from(servers, tenant):
    move = str(move_tenant(tenant.request(mode=Mode.LOGICAL)).move_id)
    write(tenant, "beta", 1)
    promote_a_standby_that_lacks_rows(servers, tenant, "alpha", rows=(2, 3), at="beta")
    began = time.monotonic()
    with pytest.raises(EndsChanged, match=f"alpha: it was promoted .* finish_move {move}"):
        rollback_move(move)
    assert time.monotonic() - began < 20, "at once, not when a row that proves it does not come"
    assert (move_of(tenant).state, tenant.shard) == ("soaking", "beta")
    assert may_write(tenant.id, "beta")
    assert not may_write(tenant.id, "alpha")
    assert finish_move(move).state == "done"
    assert written(tenant) == [(1, 1), (1, 2), (1, 3)]
    settled(tenant, on="beta")


@pytest.fixture
def target_promoted_on_the_way(servers, tenant, at):
    """The next move of the tenant, which has no soak: its target is promoted before its pause."""
    write(tenant, "alpha", 1)
    at(
        "follow.done",
        lambda: promote_a_standby_that_lacks_rows(servers, tenant, "beta", rows=(2, 3), at="alpha"),
    )
    return tenant.request(mode=Mode.LOGICAL, soak=timedelta(0))


def test_a_target_that_was_promoted_is_not_switched_to(tenant, target_promoted_on_the_way):
    with pytest.raises(EndsChanged, match="beta: it was promoted"):
        move_tenant(target_promoted_on_the_way)
    assert move_of(tenant).state == "aborted"
    assert written(tenant) == [(1, 1), (1, 2), (1, 3)]
    settled(tenant, on="alpha")


def test_negative_control_without_a_look_at_its_timeline_rows_are_missing_there(
    tenant, target_promoted_on_the_way, monkeypatch
):
    monkeypatch.setattr(Work, "_still_the_same", lambda self: None)
    with pytest.raises(CopiesDiffer, match="ledger"):
        move_tenant(target_promoted_on_the_way)
    assert (tenant.shard, written(tenant)) == ("beta", [(1, 1)])
    # As if the person who looked had decided to keep the target's copy.
    move = move_of(tenant)
    Move.objects.using("control").filter(pk=move.pk).update(
        result={"streams": move.result["streams"]}
    )
    assert recover_move(str(move.pk)).state == "done"
    settled(tenant, on="beta")
