"""What an acknowledged-write oracle and the comparison of the copies find, and when they find it.

Each part of the pause is taken away once, the same attack is made, and what then fails is named:
a test that finds nothing without the part would prove nothing with it. Attacks happen at points of
the move itself, so that no clock decides what they meet.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql

from sharding.moves.errors import CopiesDiffer, FenceIncomplete, FenceNotReached, MoveError
from sharding.moves.models import Move
from sharding.moves.services import ending, pausing, preparing
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.schemas.services import fence
from tests.integration.moves.conftest import as_tenant, connect_as_web, settled, written


@dataclass
class Trial:
    """One move of a tenant from alpha to beta, and what clients were told meanwhile."""

    tenant: object
    acked: list[tuple[int, int]] = field(default_factory=list)
    error: MoveError | None = None

    def write(self, connection, shard, number):
        """A write; noted when it was acknowledged."""
        as_tenant(connection, self.tenant.id, shard, insert(number))
        self.acked.append((1, number))

    def move(self, **more):
        try:
            move_tenant(self.tenant.request(**more))
        except MoveError as error:
            self.error = error

    @property
    def lost(self):
        """The oracle: acknowledged, and not there."""
        return sorted(set(self.acked) - set(written(self.tenant)))


def insert(number):
    return f"INSERT INTO ledger (writer, number) VALUES (1, {number})"


@pytest.fixture
def trial(new_tenant):
    made = Trial(new_tenant(ledger=True))
    with connect_as_web("alpha") as connection:
        made.write(connection, "alpha", 1)
    yield made
    # One whose copies differ is kept by everybody; nobody needs this one any more.
    Move.objects.using("control").filter(tenant_id=made.tenant.id).update(result={})
    for move in Move.objects.using("control").filter(tenant_id=made.tenant.id):
        recover_move(str(move.pk))


@contextmanager
def refused(state):
    with pytest.raises(psycopg.Error) as caught:
        yield
    assert caught.value.sqlstate == state


def late_write(trial):
    """A client that never asks where the tenant is writes when all rows have been copied."""
    with connect_as_web("alpha") as connection:
        trial.write(connection, "alpha", 2)


def test_a_write_after_the_last_rows_were_copied_is_refused(trial, at):
    def attack():
        with refused("AT001"):
            late_write(trial)

    at("switch.before", attack)
    trial.move()
    assert trial.error is None
    assert trial.lost == []
    settled(trial.tenant, on="beta")


@pytest.mark.slow
def test_without_armed_guards_there_is_no_switch(trial, monkeypatch):
    monkeypatch.setattr(preparing, "insist_on", lambda *told: None)
    trial.move()
    assert isinstance(trial.error, FenceIncomplete)
    assert trial.lost == []


def test_without_armed_guards_and_nobody_looking_oracle_and_comparison_fail(trial, at, monkeypatch):
    monkeypatch.setattr(preparing, "insist_on", lambda *told: None)
    monkeypatch.setattr(pausing, "finding_unarmed", lambda schema: sql.SQL("SELECT WHERE false"))
    at("switch.before", lambda: late_write(trial))
    trial.move()
    assert isinstance(trial.error, CopiesDiffer)
    assert "ledger" in str(trial.error)
    assert trial.lost == [(1, 2)]


@pytest.fixture
def begun(trial, at):
    """A client that has written before the fence, and commits after the last rows were copied."""
    with connect_as_web("alpha") as connection:

        def write():
            connection.execute("BEGIN")
            as_tenant(connection, trial.tenant.id, "alpha", insert(2))

        def commit():
            connection.execute("COMMIT")
            trial.acked.append((1, 2))

        at("fence.journaled", write)
        yield commit


@pytest.mark.slow
def test_a_transaction_that_has_written_keeps_the_fence_waiting(trial, at, begun):
    at("release_back.done", begun)
    trial.move(attempts=1)
    assert isinstance(trial.error, FenceNotReached)
    assert trial.lost == []
    settled(trial.tenant, on="alpha")


def test_without_the_drain_oracle_and_comparison_fail(trial, at, begun, monkeypatch):
    monkeypatch.setattr(fence, "_LOCK", "LOCK TABLE {tables} IN ACCESS SHARE MODE")
    at("switch.before", begun)
    trial.move()
    assert isinstance(trial.error, CopiesDiffer)
    assert trial.lost == [(1, 2)]


@pytest.mark.slow
def test_without_copying_again_what_changed_oracle_and_comparison_fail(trial, at, monkeypatch):
    monkeypatch.setattr(pausing, "next_round", lambda here, there, schema, last, **more: last)
    at("fence.journaled", lambda: late_write(trial))
    trial.move()
    assert isinstance(trial.error, CopiesDiffer)
    assert trial.lost == [(1, 2)]


def stale_and_fresh(trial):
    """What a process reads that never asks where the tenant is, beside what there is."""
    with connect_as_web("beta") as connection:
        trial.write(connection, "beta", 3)
    with connect_as_web("alpha") as connection:
        old = as_tenant(connection, trial.tenant.id, "alpha", "SELECT number FROM ledger")
    return old, written(trial.tenant)


@pytest.mark.slow
def test_a_sealed_copy_is_not_read_any_more(trial, at):
    def attack():
        with refused("42P01"):
            stale_and_fresh(trial)

    at("verify.begin", attack)
    trial.move()
    assert trial.error is None
    assert trial.lost == []


@pytest.mark.slow
def test_without_the_seal_an_acknowledged_write_is_not_read(trial, at, monkeypatch):
    monkeypatch.setattr(ending, "seal", lambda *told: None)
    found = []
    at("verify.begin", lambda: found.extend(stale_and_fresh(trial)))
    trial.move()
    old, fresh = found
    assert [number for (number,) in old] == [1]
    assert fresh == [(1, 1), (1, 3)]
