"""A fleet migration brings every schema to the code, and says what became of each."""

import threading

import psycopg
import pytest
from django.db import connections

from migrations_tools.fleet.errors import FleetBusy, NothingToResume, UnknownSchemas
from migrations_tools.fleet.journal import fleet_lock
from migrations_tools.fleet.models import FleetRun, FleetStep
from migrations_tools.fleet.ports import left_alone
from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.fleet.types import LeftAlone, Shares
from migrations_tools.services.fleet import look, migrate_fleet, preview, resumable
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from sharding.schemas.services.fingerprint import structure
from sharding.schemas.services.markers import read_marker
from tests.integration.fleet.conftest import ask, has_urgency, of


def quietly(line: str) -> None:
    pass


def standings(*places: scope.Placement) -> dict[str, Standing]:
    plan, _ = look(of(*places))
    return {one.tenant_id: one.standing for one in plan.members}


def test_every_schema_on_every_shard_gets_what_it_lacks(ready, release):
    places = [ready("alpha"), ready("alpha"), ready("beta")]
    assert set(standings(*places).values()) == {Standing.LEVEL}
    release("two")
    told: list[str] = []
    report = migrate_fleet(of(*places), tell=told.append)
    assert report.state is RunState.DONE
    assert {report.ends[place.tenant_id].state for place in places} == {StepState.DONE}
    for place in places:
        assert has_urgency(place)
        assert describe(addresses.shard(place.shard), place.schema).lacks == ()
    assert set(standings(*places).values()) == {Standing.LEVEL}
    (route,) = report.routes.values()
    assert route.pending == ("outbox.0002_urgency",)
    steps = FleetStep.objects.using("control").filter(run=report.run)
    assert {(step.tenant_id, step.state) for step in steps} == {
        (place.tenant_id, "done") for place in places
    }
    assert all(step.ended_at >= step.began_at for step in steps)
    # Leases are given back.
    assert not any(get_placement(place.tenant_id).lease_holder for place in places)


def test_a_second_run_finds_nothing_to_do_and_writes_nothing(ready, release):
    place = ready()
    release("two")
    first = migrate_fleet(of(place), tell=quietly)
    second = migrate_fleet(of(place), tell=quietly)
    assert (second.run, second.state) == (None, RunState.DONE)
    newest = FleetRun.objects.using("control").first()
    assert newest is not None
    assert newest.pk == first.run


def test_a_plan_says_what_each_group_lacks_and_changes_nothing(ready, release):
    places = [ready("alpha"), ready("beta")]
    release("three")
    report = preview(of(*places, shares=Shares()))
    (route,) = report.routes.values()
    assert route.pending == ("outbox.0002_urgency", "outbox.0003_topics_in_capitals")
    assert [(wave.name, len(wave.members)) for wave in report.plan.waves] == [
        ("canary", 1),
        ("1%", 1),
    ]
    assert not any(has_urgency(place) for place in places)


def test_rows_are_changed_by_python_in_the_tenants_own_schema(ready, release):
    places = [ready(), ready()]
    for place in places:
        ask(
            place,
            f"INSERT INTO {place.schema}.outbox_message"
            f" (topic, payload, tries, last_error) VALUES ('{place.tenant_id}', '1', 0, '')",
        )
    release("three")
    assert migrate_fleet(of(*places), tell=quietly).state is RunState.DONE
    for place in places:
        found = ask(place, f"SELECT topic, urgency FROM {place.schema}.outbox_message")
        assert found == [(place.tenant_id.upper(), 3)]
        ask(place, f"DELETE FROM {place.schema}.outbox_message")


def test_one_that_fails_in_the_middle_stops_nothing_and_is_resumed_after_a_fix(ready, release):
    places = [ready() for _ in range(5)]
    bad = places[2]
    ask(
        bad,
        f"INSERT INTO {bad.schema}.outbox_message"
        " (topic, payload, tries, last_error) VALUES ('forbidden', '1', 0, '')",
    )
    release("broken")
    told: list[str] = []
    report = migrate_fleet(of(*places), tell=told.append)
    assert report.state is RunState.FAILED
    assert {
        place.tenant_id
        for place in places
        if report.ends[place.tenant_id].state is StepState.FAILED
    } == {bad.tenant_id}
    assert "outbox_topic_allowed" in report.ends[bad.tenant_id].said
    assert any(bad.tenant_id in line and "failed" in line for line in told)
    assert all(has_urgency(place) for place in places if place is not bad)
    ask(bad, f"DELETE FROM {bad.schema}.outbox_message")
    again = migrate_fleet(resumable(), tell=quietly)
    assert again.state is RunState.DONE
    assert set(again.ends) == {bad.tenant_id}
    assert set(standings(*places).values()) == {Standing.LEVEL}
    with pytest.raises(NothingToResume):
        resumable()


@pytest.mark.parametrize("record_from", [1, 9], ids=["replayed", "executed"])
def test_what_the_server_quotes_of_a_tenants_rows_stays_with_the_tenant(
    ready, release, record_from
):
    place = ready()
    for _ in range(2):
        ask(
            place,
            f"INSERT INTO {place.schema}.outbox_message"
            " (topic, payload, tries, last_error) VALUES ('ann@example.org', '1', 0, '')",
        )
    release("unique")
    told: list[str] = []
    report = migrate_fleet(of(place, record_from=record_from), tell=told.append)
    said = report.ends[place.tenant_id].said
    assert said == 'could not create unique index "outbox_one_topic"'
    (step,) = FleetStep.objects.using("control").filter(run=report.run)
    assert step.said == said
    assert "ann@" not in "".join(told)
    with pytest.raises(psycopg.errors.UniqueViolation, match=r"ann@example\.org"):
        # The negative control: it does quote.
        ask(place, f"CREATE UNIQUE INDEX ON {place.schema}.outbox_message (topic)")
    ask(place, f"DELETE FROM {place.schema}.outbox_message")
    assert migrate_fleet(of(place), tell=quietly).state is RunState.DONE


def test_more_failures_than_the_budget_stop_it_and_no_schema_is_half_done(ready, release):
    places = [ready() for _ in range(6)]
    for bad in places:
        ask(
            bad,
            f"INSERT INTO {bad.schema}.outbox_message"
            " (topic, payload, tries, last_error) VALUES ('forbidden', '1', 0, '')",
        )
    release("broken")
    report = migrate_fleet(of(*places, budget="1", lanes=1), tell=quietly)
    assert report.state is RunState.PAUSED
    assert "error budget is 1" in report.stopped
    assert report.count(StepState.FAILED) == 2
    assert not any(get_placement(place.tenant_id).lease_holder for place in places)
    for bad in places:
        ask(bad, f"DELETE FROM {bad.schema}.outbox_message")


def test_a_canary_that_fails_stops_it_before_anybody_else(ready, release):
    places = [ready() for _ in range(3)]
    bad = places[1]
    ask(
        bad,
        f"INSERT INTO {bad.schema}.outbox_message"
        " (topic, payload, tries, last_error) VALUES ('forbidden', '1', 0, '')",
    )
    release("broken")
    shares = Shares(canaries=(bad.tenant_id,))
    report = migrate_fleet(of(*places, shares=shares), tell=quietly)
    assert report.state is RunState.PAUSED
    assert bad.tenant_id in report.stopped
    assert set(report.ends) == {bad.tenant_id}
    assert not any(has_urgency(place) for place in places if place is not bad)
    ask(bad, f"DELETE FROM {bad.schema}.outbox_message")


def test_who_is_moving_half_made_held_or_suspended_is_left_alone_and_caught_up_later(
    ready, release, monkeypatch
):
    names = ("moving", "creating", "held", "suspended", "level")
    places = {name: ready() for name in names}
    rows = Placement.objects.using("control")
    for state in (PlacementState.MOVING, PlacementState.CREATING):
        rows.filter(tenant_id=places[state.value].tenant_id).update(state=state)
    monkeypatch.setattr(
        "migrations_tools.fleet.ports._asked",
        [lambda: {places["suspended"].tenant_id: LeftAlone("it is suspended", unless_wanted=True)}],
    )
    assert left_alone() == {}
    assert left_alone(skip_suspended=True) == {places["suspended"].tenant_id: "it is suspended"}
    release("two")
    with lease(places["held"].tenant_id, "looking"):
        report = migrate_fleet(of(*places.values(), skip_suspended=True), tell=quietly)
    assert report.state is RunState.PAUSED
    assert {name: has_urgency(place) for name, place in places.items()} == {
        name: name == "level" for name in names
    }
    assert "lease" in report.ends[places["held"].tenant_id].said
    assert {one.why for one in report.plan.members if one.standing is Standing.SKIPPED} == {
        "it is half made; create_tenant finishes it",
        "it is suspended",
    }
    monkeypatch.setattr("migrations_tools.fleet.ports._asked", [])
    rows.filter(tenant_id__in=[place.tenant_id for place in places.values()]).update(
        state=PlacementState.READY
    )
    assert migrate_fleet(resumable(), tell=quietly).state is RunState.DONE
    assert all(has_urgency(place) for place in places.values())


def test_a_shard_that_is_down_costs_nobody_else_anything(ready, release, fleet):
    here, there = ready("alpha"), ready("beta")
    release("two")
    fleet.stop_server("alpha")
    try:
        report = migrate_fleet(of(here, there), tell=quietly)
    finally:
        fleet.start_server("alpha")
    assert report.state is RunState.PAUSED
    assert has_urgency(there)
    assert report.left_behind == 1
    assert migrate_fleet(resumable(), tell=quietly).state is RunState.DONE
    assert has_urgency(here)


def test_of_two_at_once_one_runs_and_one_says_so(ready, release):
    place = ready()
    release("two")
    with fleet_lock():
        with pytest.raises(FleetBusy, match="Another fleet migration is under way"):
            migrate_fleet(of(place), tell=quietly)
    assert not has_urgency(place)
    refused: list[Exception] = []
    go = threading.Barrier(2)

    def run() -> None:
        go.wait()
        try:
            migrate_fleet(of(place), tell=quietly)
        except FleetBusy as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert has_urgency(place)
    assert len(refused) <= 1


def test_nothing_is_looked_at_when_somebody_is_named_who_is_not_there(ready):
    with pytest.raises(UnknownSchemas, match="show_tenant tneverwas1"):
        look(of(ready(), shares=Shares(canaries=("tneverwas1",))))


def test_a_schema_that_is_gone_is_told_and_not_made_anew(ready, release):
    place = ready()
    release("two")
    with own_connection(addresses.shard(place.shard)) as own:
        own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", [place.schema])
    report = migrate_fleet(of(place), tell=quietly)
    assert report.state is RunState.FAILED
    assert "no such schema" in report.plan.members[0].why
    with own_connection(addresses.shard(place.shard)) as own:
        own.execute(
            "INSERT INTO atoll.tenant_schema (schema, phase, epoch) VALUES (%s, 'active', 1)",
            [place.schema],
        )
    # Behind, since nobody knows its state: found out by its own rows.
    assert migrate_fleet(of(place), tell=quietly).state is RunState.DONE
    assert has_urgency(place)


def test_what_can_be_replayed_is_replayed_and_the_end_is_the_executors(ready, release):
    replayed, executed = ready(), ready()
    release("three")
    told: list[str] = []
    report = migrate_fleet(of(replayed, record_from=1), tell=told.append)
    assert report.state is RunState.DONE, told
    assert report.ends[replayed.tenant_id].way == "replay, executor"
    report = migrate_fleet(of(executed), tell=told.append)
    assert report.ends[executed.tenant_id].way == "executor"
    assert whole(replayed) == whole(executed)


def whole(place: scope.Placement) -> tuple[object, ...]:
    """All that a schema is: its row, its structure, its migrations, types and permissions."""
    server = addresses.shard(place.shard)
    with own_connection(server) as own:
        marker = read_marker(own, place.schema)
        assert marker is not None
        parts = structure(own, place.schema)
    assert describe(server, place.schema).lacks == ()
    rows = [
        sorted(ask(place, query.format(schema=place.schema)))
        for query in (
            "SELECT app, name FROM {schema}.django_migrations",
            "SELECT id, app_label, model FROM {schema}.django_content_type",
            "SELECT id, content_type_id, codename FROM {schema}.auth_permission",
        )
    ]
    return marker.digest, marker.fingerprint, marker.unfinished, parts, rows
