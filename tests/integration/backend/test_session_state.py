"""What one tenant's code could leave on a session is refused, by us or by the server."""

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from sharding import scope
from sharding.backend.errors import SessionStateRefused
from sharding.backend.statements import trusted
from sharding.pools.deadline import WEB_STATEMENT_TIMEOUT
from tests.integration.backend.grounds import sqlstate
from tests.integration.backend.models import Author

STAYS = [
    "SET statement_timeout = 1",
    "set role tbackendb",
    "SET SESSION search_path TO tbackendb",
    "SET SESSION AUTHORIZATION tbackendb",
    "SET TIME ZONE 'Asia/Tokyo'",
    "  -- hidden\n /* by /* nested */ comments */ SET statement_timeout = 1",
    "RESET ROLE",
    "RESET ALL",
    "DISCARD ALL",
    "PREPARE p AS SELECT 1",
    "LISTEN news",
    "LOAD 'auto_explain'",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
]
DENIED = [
    "CREATE TEMP TABLE t (x int)",
    "SELECT pg_advisory_lock(1)",
    "SELECT set_config('statement_timeout', '1', false)",
    "CREATE TABLE t (x int)",
    "TRUNCATE backend_tests_author",
    "SELECT setval(pg_get_serial_sequence('backend_tests_author', 'id'), 7)",
]


@pytest.fixture
def tenants(grounds):
    """Alternating: a's connection is used by b before a's statement."""
    for place in (grounds.b, grounds.a):
        with scope.enter(place):
            Author.objects.create(name=place.tenant_id)
    with scope.enter(grounds.a):
        yield grounds


@pytest.mark.parametrize("text", STAYS)
def test_a_statement_that_would_stay_on_the_session_is_refused(tenants, text):
    with connection.cursor() as cursor:
        for run in (
            lambda: cursor.execute(text),
            lambda: cursor.execute(text.encode()),
            lambda: cursor.executemany(text, [()]),
            lambda: list(cursor.stream(text)),
        ):
            with pytest.raises(SessionStateRefused, match="SET LOCAL"):
                run()
        with pytest.raises(SessionStateRefused), transaction.atomic():
            cursor.execute(text)
        cursor.execute("SELECT current_user, current_setting('statement_timeout')")
        assert cursor.fetchone() == (tenants.a.role, WEB_STATEMENT_TIMEOUT)


@pytest.mark.parametrize("text", DENIED)
def test_the_server_denies_the_rest(tenants, text):
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as error:
        cursor.execute(text)
    assert sqlstate(error.value) == "42501"


def test_set_local_is_allowed_and_gone_with_its_transaction(tenants):
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute("SET LOCAL statement_timeout = 4321")
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("4321ms",)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == (WEB_STATEMENT_TIMEOUT,)


def test_a_trusted_script_may_and_its_statements_are_bound_all_the_same(tenants):
    with trusted(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL lock_timeout = 7; SELECT current_user, current_setting('lock_timeout')"
        )
        assert cursor.nextset()
        assert cursor.fetchone() == (tenants.a.role, "7ms")
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_control_is_plain(grounds):
    with scope.enter(scope.CONTROL), connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 1234; SELECT current_user")
        assert cursor.nextset()
        assert cursor.fetchone() == ("web",)
