"""A rehearsal does all of a move but its pause, and leaves nothing."""

from datetime import timedelta

import psycopg
import pytest
from django.core.management import CommandError

from sharding.moves.core.steps import PARTS_OF_A_PAUSE, Mode
from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move, MoveEvent
from sharding.moves.services import rehearsing
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.rehearsing import rehearse_move
from sharding.moves.types import MoveRequest
from tests.integration.moves.conftest import (
    SHARDS,
    Writers,
    by_message,
    settled,
    streams_of,
    written,
)
from tests.integration.moves.test_commands import run


def test_a_rehearsal_tells_the_pause_and_nobody_notices(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        before = tenant.place
        out, err = run(
            "move_tenant", tenant.slug, "--to", "beta", "--rehearse", "--max-pause", "30000"
        )
        assert tenant.place == before
    assert "writes would pause for some" in out
    assert "copied" in err
    settled(tenant, on="alpha")
    assert written(tenant) == sorted(writers.acked)
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert move.state == "aborted"
    assert set(move.result["predicted_pause_ms"]) == {
        "lock",
        "changes",
        "freeze",
        "look",
        "prepare",
        "switch",
        "open",
        "total",
    }
    assert not MoveEvent.objects.using("control").filter(move=move, said="gated").exists()


class GateThatStaysOpen:
    """Whoever rehearses keeps nobody waiting."""

    def close(self, tenant_id, *, within):
        raise AssertionError("a rehearsal closed the gate")

    def open(self, tenant_id):
        """It is."""


def test_a_rehearsal_with_streams_tells_the_pause_and_leaves_none_of_them(
    new_tenant, gate, monkeypatch
):
    tenant = new_tenant(ledger=True)
    gate(GateThatStaysOpen())
    there_were: dict[str, list[str]] = {}
    refused_at_home: list[str] = []
    predicted = rehearsing._predicted

    def looks(work):
        told = predicted(work)
        there_were.update({shard: streams_of(tenant.id, shard) for shard in SHARDS})
        return told

    def notes_refusals(connection, tenant_id, shard, writer, number):
        try:
            by_message(connection, tenant_id, shard, writer, number)
        except psycopg.Error as error:
            if shard == "alpha":
                refused_at_home.append(error.sqlstate or str(error))
            raise

    monkeypatch.setattr(rehearsing, "_predicted", looks)
    before = tenant.place
    with Writers(tenant.id, kinds=(notes_refusals,)) as writers:
        told = rehearse_move(tenant.request(mode=Mode.LOGICAL))
        assert tenant.place == before
    assert refused_at_home == []
    for shard, direction in zip(SHARDS, ("there", "back"), strict=True):
        kinds = {each.partition(" ")[0] for each in there_were[shard]}
        assert {"slot", "publication", "subscription"} <= kinds
        assert any(each.startswith("slot") and each.endswith(direction)
                   for each in there_were[shard])  # fmt: skip
    settled(tenant, on="alpha")
    assert written(tenant) == sorted(writers.acked)

    total = told.pause_ms.pop("total")
    assert set(told.pause_ms) == {
        "lock", "stream", "sequences", "look", "prepare", "switch", "open"
    }  # fmt: skip
    assert total == pytest.approx(sum(told.pause_ms.values()), abs=0.1)
    assert told.within_budget
    assert told.rows
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert (move.mode, move.state) == ("logical", "aborted")
    assert move.result["predicted_pause_ms"]["total"] == total
    assert not MoveEvent.objects.using("control").filter(move=move, said="gated").exists()


@pytest.mark.slow
def test_a_pause_that_would_be_too_long_is_said_to_be(new_tenant, monkeypatch):
    tenant = new_tenant()
    monkeypatch.setattr(rehearsing, "_predicted", lambda work: {"total": 30_001.0})
    assert not rehearse_move(tenant.request()).within_budget
    words = ("--rehearse", "--json", "--max-pause", "30000")
    out, _ = run("move_tenant", tenant.slug, "--to", "beta", *words)
    assert '"pause_ms"' in out
    settled(tenant, on="alpha")


def test_a_server_that_fails_in_a_rehearsal_is_told_of_and_nothing_is_left(new_tenant, monkeypatch):
    tenant = new_tenant()

    def loses_its_session(work):
        work.lanes.fence.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(rehearsing, "_predicted", loses_its_session)
    with pytest.raises(CommandError, match="taken back") as told:
        run("move_tenant", tenant.slug, "--to", "beta", "--rehearse", "--max-pause", "30000")
    assert "terminat" in str(told.value)
    settled(tenant, on="alpha")
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert "terminat" in move.last_error


@pytest.mark.slow
def test_what_would_be_refused_is_not_rehearsed(new_tenant):
    tenant = new_tenant()
    with pytest.raises(MoveRefused):
        rehearse_move(MoveRequest(tenant.id, "alpha"))
    assert not Move.objects.using("control").filter(tenant_id=tenant.id).exists()


@pytest.mark.slow
def test_a_rehearsal_that_was_cut_off_is_taken_back_like_a_move(new_tenant, monkeypatch):
    tenant = new_tenant()
    monkeypatch.setattr(rehearsing, "take_back", lambda work: None)
    rehearse_move(tenant.request())
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert move.state == "copied"
    assert recover_move(str(move.pk)).state == "aborted"
    settled(tenant, on="alpha")


@pytest.mark.parametrize("mode", [Mode.BLOCK, pytest.param(Mode.LOGICAL, marks=pytest.mark.slow)])
def test_it_tells_the_parts_that_the_pause_then_has(new_tenant, mode):
    tenant = new_tenant()
    request = tenant.request(mode=mode, soak=timedelta(0))
    told = rehearse_move(request).pause_ms
    assert list(told) == [*(part for part in PARTS_OF_A_PAUSE if part in told), "total"]
    assert set(told) == set(move_tenant(request).pause_ms)
    settled(tenant, on="beta")
