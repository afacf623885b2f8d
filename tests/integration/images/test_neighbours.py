"""While a tenant is made, sessions that serve others keep what they know of the catalogue.

A commit tells all other sessions of each row of the catalogue that it brings. The server keeps
4,096 of these for those who are behind; whoever misses one forgets all that it knew.
"""

import re
import subprocess

import psycopg
import pytest
from psycopg import sql

from devstack.account import server_account
from devstack.binaries import find_postgres
from migrations_tools.images.services.find_image import body_of
from migrations_tools.services.build_schema import build_schema
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema
from sharding.schemas.services.describe import describe
from sharding.schemas.services.furnish import furnishing
from sharding.schemas.services.image_replay import create_closed_from_image, entering
from sharding.schemas.types import Phase

KEPT = 4096
_WHERE = "SELECT current_setting('data_directory'), pg_current_wal_flush_lsn()::text"
TOMBSTONE = "INSERT INTO atoll.tenant_schema (schema, phase, epoch) VALUES (%s, 'tombstone', 0)"
_MESSAGE = re.compile(r"\b(?:catcache|relcache|snapshot|smgr)\b")


@pytest.fixture
def told_by_each_commit(stack_ready):
    """Does something, and returns of how many rows each commit has told."""
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as admin:
        programs = find_postgres(server_account(), stack_ready.pg_bin).folder

        def told(do) -> list[int]:
            _, begin = admin.execute(_WHERE).fetchone()
            do()
            folder, end = admin.execute(_WHERE).fetchone()
            command = [programs / "pg_waldump", "--path", f"{folder}/pg_wal"]
            command += ["--start", begin, "--end", end, "--rmgr", "Transaction"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return [
                len(_MESSAGE.findall(line.partition("inval msgs:")[2]))
                for line in done.stdout.splitlines()
                if "desc: COMMIT" in line
            ]

        yield told


def test_a_tenant_is_made_in_commits_that_none_of_them_misses(told_by_each_commit, new_place):
    place = new_place()
    told = told_by_each_commit(lambda: build_schema(place))
    assert sum(told) > KEPT / 2, "the tables are there"
    assert max(told) < KEPT / 3


def test_nor_does_one_that_a_move_makes(told_by_each_commit, new_place, server, image):
    place = new_place()
    with own_connection(server) as own:
        own.execute(TOMBSTONE, (place.schema,))
        told = told_by_each_commit(
            lambda: create_closed_from_image(own, place.schema, body_of(image), token=1)
        )
    assert sum(told) > KEPT / 2, "the tables are there"
    assert max(told) < KEPT / 3
    made = describe(server, place.schema)
    assert (made.marker.phase, made.usage, made.permit) == (Phase.INCOMING, False, False)
    assert made.unguarded == ()


def test_in_one_transaction_they_would(told_by_each_commit, new_place, server, image):
    """The control."""
    place, body = new_place(), body_of(image)
    create_schema(server, place.schema)
    whole = (entering(place.schema), sql.SQL(body.script(place.schema)), furnishing(place.schema))
    with own_connection(server) as own:
        told = told_by_each_commit(lambda: own.execute(sql.SQL(";\n").join(whole)))
    assert max(told) > KEPT / 2
