"""A rehearsal does all of a move but its pause, and leaves nothing."""

import pytest

from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move, MoveEvent
from sharding.moves.services import rehearsing
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.rehearsing import rehearse_move
from sharding.moves.types import MoveRequest
from tests.integration.moves.conftest import Writers, settled, written
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
        "look",
        "prepare",
        "switch",
        "open",
        "total",
    }
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
