"""A plan's time-out rides in the prefix: it ends this tenant's statements, and nobody else's."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.pools.deadline import WEB_STATEMENT_TIMEOUT
from tests.integration.backend.grounds import sqlstate
from tests.integration.backend.models import Author

LIMIT_MS = 60
TOO_LONG_S = 0.12
CANCELLED = "57014"
SHOW = "SELECT current_setting('statement_timeout')"

Way = Callable[[float], None]


def autocommit(seconds):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def first_of_a_block(seconds):
    with transaction.atomic():
        autocommit(seconds)


def later_in_a_block(seconds):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def in_a_savepoint(seconds):
    with transaction.atomic(), transaction.atomic():
        autocommit(seconds)


def with_a_semicolon(seconds):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s), 'a;b'", [seconds])


def executemany(seconds):
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO backend_tests_author (name) SELECT 'x' FROM pg_sleep(%s)", [(seconds,)]
        )


def executemany_in_a_block(seconds):
    with transaction.atomic():
        executemany(seconds)


def copy(seconds):
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT pg_sleep(%s)) TO STDOUT", [seconds]) as rows:
            list(rows)


def stream(seconds):
    with connection.wrap_database_errors, connection.cursor() as cursor:
        list(cursor.stream("SELECT pg_sleep(%s)", [seconds]))


def named_cursor(seconds):
    with transaction.atomic(), connection.wrap_database_errors:
        with connection.create_cursor("mine") as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
            cursor.fetchall()


def pipeline(seconds):
    with connection.wrap_database_errors, connection.cursor() as cursor:
        connection.ensure_connection()
        with connection.connection.pipeline():
            cursor.execute("SELECT 1")
            cursor.execute("SELECT pg_sleep(%s)", [seconds])


def pipeline_in_a_block(seconds):
    with transaction.atomic():
        pipeline(seconds)


def callproc(seconds):
    with connection.cursor() as cursor:
        cursor.callproc("pg_sleep", [seconds])


WAYS = (
    autocommit,
    first_of_a_block,
    later_in_a_block,
    in_a_savepoint,
    with_a_semicolon,
    executemany,
    executemany_in_a_block,
    copy,
    stream,
    named_cursor,
    pipeline,
    pipeline_in_a_block,
    callproc,
)


def cut_off_in(way: Way, grounds):
    limited, other = replace(grounds.a, statement_timeout_ms=LIMIT_MS), grounds.b
    with scope.enter(limited):
        way(0)
        raw = connection.connection
        with pytest.raises(OperationalError) as error:
            way(TOO_LONG_S)
        assert sqlstate(error.value) == CANCELLED
    with scope.enter(other):
        way(TOO_LONG_S)
        assert connection.connection is raw, "the same connection, which lives on"
    with scope.enter(limited):
        way(0)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_only_the_tenant_whose_plan_says_so_is_cut_off(grounds, way: Way):
    cut_off_in(way, grounds)


@pytest.mark.needs("pgbouncer")
@pytest.mark.direct("it has a pooler of its own")
def test_through_a_pooler_it_is_the_same(grounds, through_pgbouncer):
    for way in WAYS:
        cut_off_in(way, grounds)


def test_nothing_of_it_stays_on_the_session(grounds):
    limited, other = replace(grounds.a, statement_timeout_ms=LIMIT_MS), grounds.b

    def shown(place):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute(SHOW)
            return cursor.fetchone()[0]

    assert [shown(place) for place in (limited, other, limited, grounds.a)] == [
        f"{LIMIT_MS}ms",
        WEB_STATEMENT_TIMEOUT,
        f"{LIMIT_MS}ms",
        WEB_STATEMENT_TIMEOUT,
    ]
    with scope.enter(limited), transaction.atomic():
        Author.objects.create(name="in a block")
    assert shown(other) == WEB_STATEMENT_TIMEOUT


def test_results_and_errors_are_the_statements_own(grounds):
    limited = replace(grounds.a, statement_timeout_ms=3000)
    with scope.enter(limited), connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one UNION SELECT 2 ORDER BY 1")
        assert [column.name for column in cursor.description] == ["one"]
        assert cursor.fetchall() == [(1,), (2,)]
        with pytest.raises(Exception, match="LINE 1: SELECT nothing_of_this_name"):
            cursor.execute("SELECT nothing_of_this_name")
        with transaction.atomic():
            cursor.execute("SELECT current_user")
            assert cursor.fetchall() == [(limited.role,)]


def test_a_tenants_own_set_local_does_not_lengthen_it(grounds):
    limited = replace(grounds.a, statement_timeout_ms=LIMIT_MS)
    with scope.enter(limited), pytest.raises(OperationalError) as error, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT pg_sleep(%s)", [TOO_LONG_S])
    assert sqlstate(error.value) == CANCELLED


def test_migrations_are_not_limited_by_it(grounds):
    limited = replace(grounds.a, statement_timeout_ms=LIMIT_MS)
    with session_bound(limited), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [TOO_LONG_S])


def test_negative_control_without_a_plan_the_same_statements_end(grounds):
    with scope.enter(grounds.a):
        for way in (autocommit, later_in_a_block, executemany):
            way(TOO_LONG_S)
