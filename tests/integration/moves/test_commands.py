"""The commands, as a person types them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sharding.moves.models import Move
from sharding.moves.services import journal
from sharding.moves.services.tokens import newest_token
from sharding.moves.types import MoveRequest
from sharding.placements.services.leases import lease
from sharding.registry import current as registry
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.integration.moves.conftest import settled


def run(*words):
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def cut_off(tenant):
    """A move whose mover has died right after it was written down."""
    with lease(tenant.id, "move") as held:
        here, there = registry.shard(tenant.shard), registry.shard(tenant.elsewhere)
        held.raise_token(newest_token(tenant.id, here, there) + 1)
        request = MoveRequest(tenant.id, tenant.elsewhere)
        return journal.begin(request, source=tenant.shard, token=held.token, mover=held.holder)


@pytest.mark.slow
def refused(*words):
    """What a dry run prints that ends with 1."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, stdout=out)
    assert ended.value.code == 1
    return out.getvalue()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tenant):
    out, _ = run("move_tenant", tenant.slug, "--to", "beta", "--dry-run")
    assert f"{tenant.slug} would go from alpha to beta" in out
    assert "open the target" in out
    assert not Move.objects.using("control").filter(tenant_id=tenant.id).exists()
    suspend_tenant(tenant.slug)
    out = refused("move_tenant", tenant.slug, "--to", "beta", "--dry-run")
    assert "would not be moved" in out
    assert "resume_tenant" in out
    told = json.loads(refused("move_tenant", tenant.slug, "--to", "beta", "--dry-run", "--json"))
    assert [one["code"] for one in told["refusals"]] == ["moves.suspended"]
    with pytest.raises(CommandError, match="is suspended") as caught:
        run("move_tenant", tenant.slug, "--to", "beta")
    assert caught.value.returncode == 1
    resume_tenant(tenant.slug)


@pytest.mark.parametrize("words", [("nobody", "--to", "beta"), ("mover", "--to", "nowhere")])
def test_a_name_that_is_nowhere_is_a_wrong_use(tenant, words):
    name = tenant.slug if words[0] == "mover" else words[0]
    with pytest.raises(CommandError) as caught:
        run("move_tenant", name, *words[1:])
    assert caught.value.returncode == 2


def test_a_move_tells_its_pause_and_is_listed_and_shown(tenant):
    target = tenant.elsewhere
    out, err = run("move_tenant", tenant.slug, "--to", target, "--max-pause", "30000")
    assert "is done" in out
    assert "writes paused for" in out
    assert "both copies held the same rows" in out
    assert "copied" in err
    settled(tenant, on=target)
    listed, _ = run("list_moves", "--tenant", tenant.slug)
    assert listed.splitlines()[1].split()[1] == tenant.slug
    assert "done" in listed
    shown, _ = run("show_move", tenant.slug)
    assert [word in shown for word in ("switch", "verify", "done", "verified")] == [True] * 4
    told = json.loads(run("show_move", tenant.slug, "--json")[0])
    assert told["state"] == "done"
    assert told["pause_ms"] > 0
    states = [event["said"] for event in told["events"]]
    assert states.index("fenced") < states.index("switched") < states.index("opened")


def test_one_whose_mover_has_died_is_listed_as_stuck_and_ended(tenant, cut_off):
    listed, _ = run("list_moves", "--live")
    assert f"nobody works on it: `manage.py resume_move {cut_off.pk}`" in listed
    with pytest.raises(CommandError, match=f"Move {cut_off.pk} of it is planned"):
        run("move_tenant", tenant.slug, "--to", tenant.elsewhere)
    out, err = run("resume_move", tenant.slug)
    assert f"move {cut_off.pk} is aborted" in out
    assert "So: back." in err
    settled(tenant, on=tenant.shard)
    again, _ = run("resume_move", str(cut_off.pk))
    assert "is aborted" in again


@pytest.mark.slow
def test_one_is_taken_back_by_whoever_asks_for_it(tenant, cut_off):
    out, _ = run("abort_move", str(cut_off.pk))
    assert "is aborted" in out
    settled(tenant, on=tenant.shard)
    with pytest.raises(CommandError, match="cannot be taken back") as caught:
        run("abort_move", str(cut_off.pk))
    assert caught.value.returncode == 1


@pytest.mark.slow
def test_a_mover_that_lives_is_told_to_turn_back(tenant, cut_off):
    with lease(tenant.id, "move"):
        out, err = run("abort_move", str(cut_off.pk))
        assert "is planned" in out
        assert "was told" in err
    assert journal.abort_asked(cut_off)
    run("resume_move", str(cut_off.pk))


@pytest.mark.parametrize("command", ["show_move", "resume_move", "abort_move"])
def test_a_move_that_is_none_is_a_wrong_use(tenant, command):
    with pytest.raises(CommandError, match="There is no move") as caught:
        run(command, "999999999")
    assert caught.value.returncode == 2
