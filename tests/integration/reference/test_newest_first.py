"""Whoever makes tables on a shard brings it the newest snapshot first."""

import pytest

from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.services.build_schema import build_schema
from migrations_tools.services.fleet import migrate_fleet
from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.placements.services.reference import lags, reference_status
from sharding.registry import current as addresses
from sharding.schemas.preparation.types import Outcome
from tenants.catalog.tasks import keep_in_step


@pytest.fixture
def lagging(countries, places):
    """Control has changed, and nobody has published it."""
    countries.filter(pk="NO").update(name="Noreg")
    assert lag() == {"alpha", "beta"}


def lag():
    """The shards whose rows are not control's."""
    return {name for name, server in addresses.registry().shards.items() if lags(server)}


def test_building_a_schema_brings_its_shard_the_newest(lagging, places):
    build_schema(places[2])
    assert lag() == {"alpha"}
    build_schema(places[0], with_reference=False)
    assert lag() == {"alpha"}, "negative control"


def test_migrating_all_brings_each_shard_the_newest_once(lagging, places):
    request = FleetRequest(tenants=tuple(place.tenant_id for place in places))
    report = migrate_fleet(request, tell=lambda line: None)
    assert report.plan.behind == 0, "negative control: their schemas lack nothing"
    assert lag() == set()


def test_adding_a_shard_again_brings_what_it_lacks(stack, lagging):
    assert step_of(stack, dry_run=True) is Outcome.TO_DO
    assert lag() == {"alpha", "beta"}
    assert step_of(stack, dry_run=False) is Outcome.DONE
    assert lag() == {"beta"}
    assert step_of(stack, dry_run=True) is Outcome.DONE_BEFORE


def step_of(stack, *, dry_run):
    server = addresses.registry().shards["alpha"]
    done = add_shard(
        AddShardRequest(
            name="alpha",
            admin_conninfo=stack.admin_conninfo("alpha"),
            direct=server.direct,
            pooled=server.pooled,
            passwords={},
            registry_path=stack.files.registry,
            dry_run=dry_run,
        )
    )
    (step,) = (step for step in done.steps if step.key == "reference")
    return step.outcome


def test_beat_keeps_all_in_step(lagging, places):
    keep_in_step.apply()
    assert lag() == set()
    assert not any(one.problem for one in reference_status())
