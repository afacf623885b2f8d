"""Whoever works in a tenant's tables is held up for a moment only, and no schema is half done."""

import threading
import time

import pytest

from migrations_tools.fleet.errors import NothingToResume
from migrations_tools.fleet.states import RunState, StepState
from migrations_tools.services.fleet import migrate_fleet, resumable
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tests.integration.fleet.conftest import ask, has_urgency, of

# Whoever holds a table lets go after this, so that a run which waited for it would end as done.
LETS_GO = "SET idle_in_transaction_session_timeout TO '25s'"
LONGEST_WAIT_S = 10.0


def quietly(line):
    pass


@pytest.fixture
def holding():
    """Begins a tenant's transaction that reads its messages and does not end."""
    opened = []

    def hold(place):
        connection = own_connection(addresses.shard(place.shard))
        raw = connection.__enter__()
        opened.append((connection, raw))
        raw.execute(LETS_GO)
        raw.execute("BEGIN")
        raw.execute(f"SELECT count(*) FROM {place.schema}.outbox_message")
        return raw

    yield hold
    for connection, raw in opened:
        raw.close()
        connection.__exit__(None, None, None)


@pytest.mark.parametrize(
    "record_from",
    [pytest.param(1, id="replayed"), pytest.param(9, id="executed", marks=pytest.mark.slow)],
)
def test_a_table_in_use_is_left_after_short_tries_and_done_by_the_next_run(
    ready, release, holding, record_from
):
    places = [ready() for _ in range(3)]
    busy = places[1]
    release("two")
    user = holding(busy)
    waits = []
    done = threading.Event()

    def read():
        """As the tenant's pages do, all the while."""
        while not done.is_set():
            began = time.monotonic()
            ask(busy, f"SELECT count(*) FROM {busy.schema}.outbox_message")
            waits.append(time.monotonic() - began)
            time.sleep(0.02)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        report = migrate_fleet(of(*places, record_from=record_from, lanes=1), tell=quietly)
    finally:
        done.set()
        reader.join()
    assert report.state is RunState.PAUSED
    assert {place.tenant_id: has_urgency(place) for place in places} == {
        place.tenant_id: place is not busy for place in places
    }
    end = report.ends[busy.tenant_id]
    assert end.state is StepState.PUT_OFF
    assert "in use" in end.said or "lock timeout" in end.said
    assert len(waits) > 20
    assert max(waits) < LONGEST_WAIT_S, "readers queue behind DDL that waits"
    user.rollback()
    assert migrate_fleet(resumable(), tell=quietly).state is RunState.DONE
    assert has_urgency(busy)
    with pytest.raises(NothingToResume):
        resumable()


def test_code_that_wants_a_row_waits_longer_for_it_than_structure_for_a_table(
    ready, release, holding
):
    place = ready()
    ask(
        place,
        f"INSERT INTO {place.schema}.outbox_message"
        " (topic, payload, tries, last_error) VALUES ('a', '1', 0, '')",
    )
    release("two")
    assert migrate_fleet(of(place), tell=quietly).state is RunState.DONE
    release("three")
    writer = holding(place)
    writer.execute(f"UPDATE {place.schema}.outbox_message SET tries = 1")
    later = threading.Timer(1.5, writer.commit)
    later.start()
    try:
        assert migrate_fleet(of(place), tell=quietly).state is RunState.DONE
    finally:
        later.join()
    found = ask(place, f"SELECT topic, tries FROM {place.schema}.outbox_message")
    assert found == [("A", 1)]
    ask(place, f"DELETE FROM {place.schema}.outbox_message")
