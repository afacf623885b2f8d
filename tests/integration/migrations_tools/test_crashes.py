"""A build that is cut off anywhere is finished by the next one, with the same end."""

import signal
import time

import psycopg
import pytest

from migrations_tools.errors import HalfApplied
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Phase
from tests.integration.migrations_tools.conftest import shape


@pytest.fixture(scope="module")
def whole_shape():
    """The shape of a schema whose build nobody disturbed, made when first asked for."""
    return []


@pytest.fixture
def expected(whole_shape, new_place, build):
    if not whole_shape:
        place = new_place()
        build(place)
        assert describe(addresses.shard(place.shard), place.schema).lacks == ()
        whole_shape.append(shape(place))
    return whole_shape[0]


def test_squashed_migrations_are_recorded_with_what_they_replace(expected):
    _, rows = expected
    assert [name for kind, name in rows if kind == "migration" and "squashed" in name] == [
        "squashed.0001_initial",
        "squashed.0001_squashed_0002_size",
        "squashed.0002_size",
    ]


@pytest.mark.parametrize(
    "migration",
    [
        pytest.param("probe.0001_initial", marks=pytest.mark.slow),
        "squashed.0001_squashed_0002_size",
    ],
)
def test_killed_at_a_migration_it_is_finished_by_the_next_run(
    new_place, start_build, build, expected, migration
):
    place = new_place()
    victim = start_build(place, wait_at=migration)
    for line in victim.stdout:
        if line.strip() == migration:
            break
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    server = addresses.shard(place.shard)
    half = describe(server, place.schema)
    assert (half.marker.phase, half.usage, half.permit) == (Phase.INCOMING, False, False)
    assert half.lacks == ()
    assert place.schema in survey(server).half_made
    build(place)
    assert shape(place) == expected
    assert describe(server, place.schema).lacks == ()
    assert place.schema not in survey(server).half_made


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.1])
def test_killed_at_any_moment_it_is_finished_by_the_next_run(
    new_place, start_build, build, expected, after
):
    place = new_place()
    victim = start_build(place)
    victim.stdout.readline()
    time.sleep(after)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    build(place)
    assert shape(place) == expected


def build_up_to_the_index(place, start_build) -> None:
    victim = start_build(place, wait_at="probe.0003_index_without_a_transaction")
    for line in victim.stdout:
        if line.strip() == "probe.0003_index_without_a_transaction":
            break
    victim.kill()
    victim.wait()


def cut_off_in_the_index(place, start_build) -> None:
    """Kill a build inside CREATE INDEX CONCURRENTLY, which leaves an invalid index behind."""
    server = addresses.shard(place.shard)
    at, login = server.direct, server.own
    with psycopg.connect(
        host=at.host, port=at.port, dbname=at.dbname, user=login.user, password=login.password
    ) as blocker:
        # The index waits for transactions that may still write to the table.
        blocker.execute(f"LOCK TABLE {place.schema}.probe_book IN ROW EXCLUSIVE MODE")
        victim = start_build(place)
        with own_connection(server) as watcher:
            ends = time.monotonic() + 15
            while not waiting_for_the_index(watcher):
                assert time.monotonic() < ends, "the index was never begun"
                time.sleep(0.02)
        victim.kill()
        victim.wait()
        # The server sees that nobody is there any more, though the lock is still held.
        with own_connection(server) as watcher:
            ends = time.monotonic() + 10
            while waiting_for_the_index(watcher):
                assert time.monotonic() < ends, "the session outlived its client"
                time.sleep(0.05)


def waiting_for_the_index(watcher) -> list[int]:
    """Sessions of `own` that wait inside CREATE INDEX CONCURRENTLY."""
    rows = watcher.execute(
        "SELECT pid FROM pg_stat_activity"
        " WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    )
    return [pid for (pid,) in rows]


def test_cut_off_without_a_transaction_a_new_schema_is_begun_anew(
    new_place, start_build, build, expected
):
    place = new_place()
    build_up_to_the_index(place, start_build)
    cut_off_in_the_index(place, start_build)
    server = addresses.shard(place.shard)
    with own_connection(server) as connection:
        marker = read_marker(connection, place.schema)
    assert marker.unfinished == "probe.0003_index_without_a_transaction"
    build(place)
    assert shape(place) == expected


def test_cut_off_without_a_transaction_a_schema_in_use_is_left_to_people(
    new_place, start_build, build
):
    place = new_place()
    build(place)
    server = addresses.shard(place.shard)
    with own_connection(server) as connection:
        connection.execute(f"DROP INDEX {place.schema}.book_by_title")
        connection.execute(
            f"DELETE FROM {place.schema}.django_migrations WHERE app = 'probe' AND name > '0003'"
        )
        connection.execute(f"ALTER TABLE {place.schema}.probe_book DROP COLUMN pages")
    cut_off_in_the_index(place, start_build)
    before = shape(place)
    refused = start_build(place)
    _, said = refused.communicate(timeout=60)
    assert refused.returncode != 0
    assert HalfApplied.__name__ in said
    assert shape(place) == before
    # What the message says to do, done.
    with own_connection(server) as connection:
        connection.execute(f"DROP INDEX {place.schema}.book_by_title")
        connection.execute(
            "UPDATE atoll.tenant_schema SET unfinished = NULL WHERE schema = %s", (place.schema,)
        )
    assert build(place).startswith("built ")
    assert describe(server, place.schema).lacks == ()


def test_two_at_once_build_one_schema(new_place, start_build, expected):
    place = new_place()
    both = [start_build(place), start_build(place)]
    ends = []
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        ends.append(out.splitlines())
    assert ends[0][-1] == ends[1][-1]
    # One did all the work, whoever it was.
    assert sorted(len(lines) > 1 for lines in ends) == [False, True]
    assert shape(place) == expected
