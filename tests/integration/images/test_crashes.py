"""A process that is killed in the middle of an image has opened nothing to anybody."""

import dataclasses
from collections.abc import Callable, Iterator

import psycopg
import pytest

from migrations_tools.images.services.find_image import body_of
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import WrongPhase
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.drop_schema import drop_schema_on
from sharding.schemas.services.image_replay import UNFINISHED, create_closed_from_image
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Phase
from tests.fixtures.forked import Forked, Starter, starter
from tests.fixtures.waiting import wait_for

# Foreign keys come last in an image, and this one leads to a reference table.
BLOCK = "LOCK TABLE reference.ref_country IN ROW EXCLUSIVE MODE"
OWN_OIDS = "SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
WAITS_FOR_IT = """
    SELECT pid FROM pg_locks
    WHERE relation = 'reference.ref_country'::regclass AND NOT granted
"""


@pytest.fixture(scope="module")
def starter_of_builds(stack_ready, tmp_path_factory) -> Iterator[Starter]:
    folder = tmp_path_factory.mktemp("builds")
    with starter(f"{__package__}.make_one", folder, settings="config.settings.test") as made:
        yield made


@pytest.fixture
def start(starter_of_builds) -> Iterator[Callable[..., Forked]]:
    """Starts processes that build a schema; kills what is left of them."""
    yield lambda place: starter_of_builds.start(place.tenant_id)
    starter_of_builds.close()


@pytest.fixture
def blocker(stack_ready) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack_ready.admin_conninfo("alpha")) as admin:
        admin.execute(BLOCK)
        yield admin
        admin.rollback()


@pytest.mark.parametrize(
    "victim", ["the client", pytest.param("the server's session", marks=pytest.mark.slow)]
)
def test_killed_in_the_middle_of_an_image_it_is_closed_and_the_next_run_makes_it_anew(
    new_place, start, blocker, server, victim
):
    place = new_place()
    process = start(place)
    with own_connection(server) as own:
        ((pid,),) = wait_for(lambda: own.execute(WAITS_FOR_IT).fetchall(), "it never got there")
        if victim == "the client":
            process.kill()
            process.wait()
        else:
            blocker.execute("SELECT pg_terminate_backend(%s)", (pid,))
            assert process.wait(30) != 0
        # The lock is still held: the server sees by itself that nobody is there any more.
        wait_for(
            lambda: not own.execute(WAITS_FOR_IT).fetchall(), "the session outlived its client"
        )
        marker = read_marker(own, place.schema)
        assert (marker.phase, marker.unfinished) == (Phase.INCOMING, UNFINISHED)
        half = own.execute(OWN_OIDS, (place.schema,)).fetchall()
        assert half
    found = describe(server, place.schema)
    assert (found.usage, found.permit, found.unguarded) == (False, False, ())
    blocker.rollback()
    out, err = start(place).communicate(timeout=60)
    assert out == "from the image\n", err
    assert describe(server, place.schema).lacks == ()
    assert place.schema not in survey(server).half_made
    with own_connection(server) as own:
        assert not {*half} & {*own.execute(OWN_OIDS, (place.schema,)).fetchall()}, "made anew"


def test_two_at_once_make_one_schema(new_place, start, blocker, server):
    place = new_place()
    both = [start(place), start(place)]
    with own_connection(server) as own:
        wait_for(lambda: own.execute(WAITS_FOR_IT).fetchall(), "nobody got there")
    blocker.rollback()
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "from the image\n" in [out for out, _ in said]
    assert describe(server, place.schema).lacks == ()


TOMBSTONE = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch, token) VALUES (%s, 'tombstone', 0, 5)
"""


@pytest.fixture
def awaited(new_place, server):
    """A place where a move is about to make a schema, with token 5."""
    place = new_place()
    with own_connection(server) as own:
        own.execute(TOMBSTONE, (place.schema,))
    return place


def test_one_that_a_move_fills_is_closed_wherever_it_is_cut_off_and_can_be_dropped(
    awaited, server, image
):
    body = body_of(image)
    tables, rows, others = body.pieces
    broken = dataclasses.replace(body, pieces=(tables, rows, (*others, "SELECT 1 / 0")))
    with own_connection(server) as own, pytest.raises(psycopg.errors.DivisionByZero):
        create_closed_from_image(own, awaited.schema, broken, token=5)
    found = describe(server, awaited.schema)
    assert found.tables, "it is there in part"
    assert (found.marker.phase, found.usage, found.permit) == (Phase.INCOMING, False, False)
    with own_connection(server) as own:
        drop_schema_on(own, server, awaited.schema, token=5)
        assert own.execute(OWN_OIDS, (awaited.schema,)).fetchall() == []


def test_one_whose_move_was_taken_over_makes_nothing(awaited, server, image):
    with own_connection(server) as own:
        with pytest.raises(WrongPhase, match="under token 5"):
            create_closed_from_image(own, awaited.schema, body_of(image), token=4)
        assert own.execute(OWN_OIDS, (awaited.schema,)).fetchall() == []
