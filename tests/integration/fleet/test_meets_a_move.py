"""A fleet migration and a move of one tenant: whoever comes second leaves it to the first."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sharding.moves import ports
from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move
from sharding.moves.services.moving import move_tenant
from sharding.moves.types import GateReport, MoveRequest
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
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
