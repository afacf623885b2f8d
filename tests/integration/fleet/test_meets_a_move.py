"""A fleet migration and a move of one tenant: whoever comes second leaves it to the first."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from migrations_tools.execution import silent
from migrations_tools.fleet.journal import StepEnd, begin_journal, fleet_lock
from migrations_tools.fleet.models import FleetRun
from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.fleet.states import RunState, StepState
from migrations_tools.fleet.types import Shares
from migrations_tools.services.fleet import migrate_fleet, resumable
from sharding.moves import ports
from sharding.moves.core.steps import Mode
from sharding.moves.errors import MoveRefused, WrongMoveState
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.soaking import over
from sharding.moves.services.watching import recover_stuck_moves
from sharding.moves.types import GateReport, MoveRequest
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
from tests.fixtures.servers import need_streams
from tests.integration.fleet.conftest import has_urgency

pytestmark = pytest.mark.slow


def migrate(*words):
    """A fleet migration; its exit status."""
    out = StringIO()
    try:
        call_command("migrate_fleet", *words, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode
    return 0


class GateBehindWhich:
    """What happens behind a closed gate happens here."""

    def __init__(self, happens):
        self.happens = happens

    def close(self, tenant_id, *, within):
        self.happens()
        return GateReport(0, 0, 0)

    def open(self, tenant_id):
        """Nobody waits."""


@pytest.fixture
def place(ready):
    made = ready()
    yield made
    Move.objects.using("control").filter(tenant_id=made.tenant_id).delete()
    for shard in ("alpha", "beta"):
        drop_schema(registry.shard(shard), made.schema)
        with own_connection(registry.shard(shard)) as own:
            own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", (made.schema,))


def request(place):
    return MoveRequest(place.tenant_id, "beta", max_pause=timedelta(seconds=30))


def test_a_fleet_migration_leaves_a_tenant_behind_that_moves_and_takes_it_later(
    place, release, monkeypatch
):
    left = []

    def a_new_release_comes():
        release("two")
        left.append(migrate("--no-canary", "--tenant", place.tenant_id))
        assert not has_urgency(place)

    monkeypatch.setattr(ports, "gate", GateBehindWhich(a_new_release_comes))
    assert move_tenant(request(place)).state == "done"
    assert left == [3], "it says that one was left behind"
    there = get_placement(place.tenant_id).to_scope()
    assert there.shard == "beta"
    assert not has_urgency(there)
    assert migrate("--no-canary", "--tenant", place.tenant_id) == 0
    assert has_urgency(there)


def test_a_tenant_whose_migrations_are_pending_is_not_moved(place, release):
    release("two")
    with pytest.raises(MoveRefused) as caught:
        move_tenant(request(place))
    assert [one.code for one in caught.value.refusals] == ["moves.pending_migrations"]
    assert "migrate_fleet" in caught.value.refusals[0].remedy
    told = StringIO()
    call_command("list_moves", "--json", stdout=told)
    assert place.tenant_id not in [one["tenant_id"] for one in json.loads(told.getvalue())]
    assert migrate("--no-canary", "--tenant", place.tenant_id) == 0
    assert has_urgency(place)


@pytest.fixture
def soaking(place):
    """A tenant whose move soaks on beta; the number of that move."""
    need_streams()
    receipt = move_tenant(replace(request(place), mode=Mode.LOGICAL))
    assert receipt.state == "soaking"
    yield str(receipt.move_id)
    move = Move.objects.using("control").get(pk=receipt.move_id)
    if move.state == "soaking":
        finish_move(str(move.pk))


def of(place):
    return "--no-canary", "--tenant", place.tenant_id


def told(*words):
    out = StringIO()
    call_command("migrate_fleet", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_fleet_migration_says_that_it_ends_a_soak_and_ends_it(place, release, soaking):
    release("two")
    assert f"1 moves soak and could not go back any more ({soaking})" in told("--plan", *of(place))
    assert json.loads(told("--dry-run", "--json", *of(place)))["soaks"] == {
        place.tenant_id: int(soaking)
    }
    assert over(Move.objects.using("control").get(pk=soaking)) == [], "a plan changes nothing"
    assert migrate(*of(place)) == 0
    assert has_urgency(get_placement(place.tenant_id).to_scope())
    with pytest.raises(WrongMoveState, match="at the end of its soak"):
        rollback_move(soaking)
    (ended,) = [one for one in recover_stuck_moves() if str(one.move_id) == soaking]
    assert ended.state == "done"
    assert get_placement(place.tenant_id).shard_id == "beta"


def test_who_is_behind_nothing_keeps_its_soak(place, soaking):
    assert migrate(*of(place)) == 0
    assert over(Move.objects.using("control").get(pk=soaking)) == []


def test_a_fleet_migration_that_is_to_keep_soaks_takes_their_tenants_later(place, release, soaking):
    release("two")
    assert migrate("--keep-soaks", *of(place)) == 3, "it says that one was left behind"
    assert not has_urgency(get_placement(place.tenant_id).to_scope())
    assert rollback_move(soaking).state == "soaking"
    assert finish_move(soaking).state == "done"
    assert migrate("--keep-soaks", *of(place)) == 0
    assert has_urgency(get_placement(place.tenant_id).to_scope())


def test_a_soak_that_begins_after_the_plan_was_made_is_kept_as_well(place, release, soaking):
    """The statement that takes the lease looks for itself."""
    with fleet_lock() as connection:
        keeps, _ = begin_journal(connection, asked={}, wanted="x", keep_soaks=True)
        assert keeps.take("beta", "100%", [place.tenant_id]) == {}
        ends = replace(keeps, keep_soaks=False)
        assert [*ends.take("beta", "100%", [place.tenant_id])] == [place.tenant_id]
        ends.end([StepEnd(place.tenant_id, "beta", StepState.PUT_OFF)])
        ends.close(RunState.DONE, {})
    assert [str(one.pk) for one in over(Move.objects.using("control").get(pk=soaking))] == [soaking]


def test_what_was_asked_for_a_shard_is_gone_on_with_for_whom_a_move_has_taken_away(
    place, ready, release
):
    stays = ready()
    asked = FleetRequest(shards=("alpha",)).to_json()
    runs = FleetRun.objects.using("control")
    run = runs.create(state=RunState.PAUSED, holder="somebody", asked=asked, wanted="x")
    try:
        assert place.tenant_id not in resumable().moved
        assert move_tenant(request(place)).state == "done"
        assert place.tenant_id in resumable().moved
        assert stays.tenant_id not in resumable().moved
        # What it says is kept for the next one.
        runs.filter(pk=run.pk).update(asked=resumable().to_json(), started_at=Now())
        assert place.tenant_id in resumable().moved
    finally:
        run.delete()
    release("two")
    both = FleetRequest(
        tenants=(stays.tenant_id,),
        moved=(place.tenant_id,),
        shares=Shares(percents=(100.0,), canary=False),
    )
    assert {one.tenant_id for one in migrate_fleet(both, tell=silent).plan.members} == {
        place.tenant_id,
        stays.tenant_id,
    }
    there = get_placement(place.tenant_id).to_scope()
    assert there.shard == "beta"
    assert has_urgency(there)
