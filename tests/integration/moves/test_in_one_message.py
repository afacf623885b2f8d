"""What the pause sends, on servers whose defaults would not do."""

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding.moves.connections import Who, in_one_message
from sharding.moves.core.steps import Mode
from sharding.moves.services import draining, pausing
from sharding.moves.services.moving import move_tenant
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import WrongPhase
from sharding.schemas.services.markers import read_marker, setting_phase
from sharding.schemas.types import Phase
from tests.integration.moves.conftest import SHARDS, settled


@pytest.fixture
def careless(stack_ready):
    """Servers on which a commit does not wait for the disk, unless it is asked for."""
    for shard in SHARDS:
        _commits(stack_ready, shard, "SET synchronous_commit TO off")
    yield
    for shard in SHARDS:
        _commits(stack_ready, shard, "RESET synchronous_commit")


def _commits(stack, shard, how):
    own = sql.Identifier(registry.shard(shard).own.user)
    with psycopg.connect(stack.admin_conninfo(shard), autocommit=True) as admin:
        database = sql.Identifier(admin.info.dbname)
        mover = sql.Identifier(registry.shard(shard).mover.user)
        for role in (own, mover):
            admin.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} {}").format(role, database, sql.SQL(how))
            )


@pytest.fixture
def commits(monkeypatch):
    """How the transaction will commit that a statement of the pause was part of."""
    seen = []

    def watched(name, does):
        def watching(connection, *told, **more):
            done = does(connection, *told, **more)
            (how,) = connection.execute("SHOW synchronous_commit").fetchone()
            seen.append((name, how))
            return done

        return watching

    for module, name in (
        (pausing, "in_one_message"),
        (pausing, "set_phase"),
        (draining, "in_one_message"),
    ):
        monkeypatch.setattr(
            module, name, watched(f"{module.__name__}.{name}", getattr(module, name))
        )
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("mode", Mode)
def test_each_commit_of_the_pause_waits_for_the_disk(new_tenant, careless, commits, mode):
    tenant = new_tenant()
    with own_connection(registry.shard("alpha")) as own:
        assert own.execute("SHOW synchronous_commit").fetchone() == ("off",)
    move_tenant(tenant.request(mode=mode, soak=timedelta(0)))
    assert [how for _, how in commits] == ["on", "on", "on"], "fence, last rows, opening"
    settled(tenant, on="beta")


def test_whoever_has_an_older_token_changes_no_marker(new_tenant):
    tenant = new_tenant()
    with own_connection(registry.shard("alpha")) as own:
        before = read_marker(own, tenant.id)
        older = Who(tenant.id, 0, before.token - 1)
        marking = setting_phase(tenant.id, Phase.FENCED, token=older.token)
        with pytest.raises(WrongPhase), own.transaction():
            in_one_message(own, older, sql.SQL("SELECT 1"), marking, sql.SQL("SELECT 2"))
        assert read_marker(own, tenant.id) == before
        same = setting_phase(tenant.id, before.phase, token=before.token)
        rows = in_one_message(own, older, sql.SQL("SELECT 1"), same, sql.SQL("SELECT 2"))
        assert rows == [(1,), (2,)]
