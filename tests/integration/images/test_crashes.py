"""A process that is killed while the server is in the middle of an image leaves nothing behind."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.markers import read_marker
from tests.fixtures.waiting import killed_at_last, wait_for
from tests.integration.images.conftest import contents

# Foreign keys come last in an image, and this one leads to a reference table.
BLOCK = "LOCK TABLE reference.ref_country IN ROW EXCLUSIVE MODE"
WAITS_FOR_IT = """
    SELECT pid FROM pg_locks
    WHERE relation = 'reference.ref_country'::regclass AND NOT granted
"""


@pytest.fixture
def start(stack_ready) -> Iterator[object]:
    """Starts processes that build a schema; kills what is left of them."""
    with killed_at_last() as started:

        def start(place) -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.make_one", place.tenant_id],
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            return process

        yield start


@pytest.fixture
def blocker(stack_ready) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack_ready.admin_conninfo("alpha")) as admin:
        admin.execute(BLOCK)
        yield admin
        admin.rollback()


@pytest.mark.parametrize(
    "victim", ["the client", pytest.param("the server's session", marks=pytest.mark.slow)]
)
def test_killed_in_the_middle_of_an_image_nothing_is_there_and_the_next_run_makes_it(
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
        assert read_marker(own, place.schema) is None
        assert contents_if_any(own, place.schema) == {}
    blocker.rollback()
    out, err = start(place).communicate(timeout=60)
    assert out == "from the image\n", err
    assert describe(server, place.schema).lacks == ()
    assert place.schema not in survey(server).half_made


def contents_if_any(own, schema: str) -> dict:
    there = own.execute("SELECT to_regnamespace(%s) IS NOT NULL", (schema,)).fetchone()
    return contents(own, schema) if there[0] else {}


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
