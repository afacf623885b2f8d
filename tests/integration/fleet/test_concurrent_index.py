"""An index that is built while tenants write: in each schema by itself, and whole or told of."""

import threading
import time

import psycopg
import pytest
from django.db import connections

from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.services.fleet import look, migrate_fleet
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from tests.integration.fleet.conftest import ask, of

VALID = """
    SELECT i.indisvalid FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = %s::regnamespace AND c.relname = 'outbox_by_tries'
"""
BUILDING = """
    SELECT pid FROM pg_stat_activity
    WHERE query LIKE 'CREATE INDEX CONCURRENTLY "outbox_by_tries"%' AND wait_event_type = 'Lock'
"""
INSERT = (
    "INSERT INTO {schema}.outbox_message (topic, payload, tries, last_error)"
    " VALUES ('a', '1', 0, '')"
)


def quietly(line):
    pass


def is_valid(place):
    return [valid for (valid,) in ask(place, VALID, [place.schema])]


@pytest.fixture
def writer():
    """A transaction that has written to a tenant's table and does not end."""
    opened = []

    def begin(place):
        at, login = addresses.shard(place.shard).direct, addresses.shard(place.shard).own
        raw = psycopg.connect(
            host=at.host, port=at.port, dbname=at.dbname, user=login.user, password=login.password
        )
        opened.append(raw)
        raw.execute(INSERT.format(schema=place.schema))
        return raw

    yield begin
    for raw in opened:
        raw.close()


def building(place):
    """The sessions that wait inside CREATE INDEX CONCURRENTLY, once there are any."""
    ends = time.monotonic() + 20
    while True:
        if found := ask(place, BUILDING):
            return [pid for (pid,) in found]
        assert time.monotonic() < ends, "the index was never begun"
        time.sleep(0.02)


def beside(request):
    """A run in a thread, and where its report will be."""
    reports = []

    def migrate():
        try:
            reports.append(migrate_fleet(request, tell=quietly))
        finally:
            connections.close_all()

    thread = threading.Thread(target=migrate)
    thread.start()
    return thread, reports


def test_each_schema_builds_its_own_while_its_tenant_writes(ready, release, writer):
    places = [ready() for _ in range(4)]
    release("index")
    wanted = of(*places, lanes=1)
    busy = places[2]
    user = writer(busy)
    run, reports = beside(wanted)
    building(busy)
    # It waits for the transaction that is open, and who comes now is not held up by it.
    ask(busy, INSERT.format(schema=busy.schema))
    user.commit()
    run.join()
    (report,) = reports
    assert report.state is RunState.DONE
    assert {report.ends[place.tenant_id].way for place in places} == {"executor"}
    assert [is_valid(place) for place in places] == [[True]] * 4
    (route,) = report.routes.values()
    (step,) = (step for segment in route.recording.segments for step in segment.steps)
    assert "atomic" in step.why_not
    assert len(ask(busy, f"SELECT topic FROM {busy.schema}.outbox_message")) == 2


def test_one_that_was_cut_off_is_told_of_and_done_once_somebody_has_mended_it(
    ready, release, writer
):
    places = [ready(), ready()]
    hurt = places[0]
    release("index")
    user = writer(hurt)
    run, reports = beside(of(*places, lanes=1))
    with own_connection(addresses.shard(hurt.shard)) as own:
        building(hurt)
        while run.is_alive():
            # One that comes between two of its transactions is not heard.
            for waits in ask(hurt, BUILDING):
                own.execute("SELECT pg_cancel_backend(%s)", waits)
            run.join(0.5)
    user.rollback()
    (report,) = reports
    assert report.ends[hurt.tenant_id].state is StepState.FAILED
    assert report.ends[places[1].tenant_id].state is StepState.DONE
    assert is_valid(hurt) == [False], "negative control: a half of it is there"
    (told,) = (one for one in look(of(*places))[0].members if one.tenant_id == hurt.tenant_id)
    assert told.standing is Standing.WRONG
    assert told.why.startswith("outbox.0002_by_tries was cut off in it: undo the half")
    again = migrate_fleet(of(*places), tell=quietly)
    assert again.state is RunState.FAILED
    assert is_valid(hurt) == [False], "nobody guesses what is half there"
    # What the page of that error says.
    ask(hurt, f"DROP INDEX {hurt.schema}.outbox_by_tries")
    ask(hurt, "UPDATE atoll.tenant_schema SET unfinished = NULL WHERE schema = %s", [hurt.schema])
    assert migrate_fleet(of(*places), tell=quietly).state is RunState.DONE
    assert [is_valid(place) for place in places] == [[True], [True]]
    assert describe(addresses.shard(hurt.shard), hurt.schema).lacks == ()
