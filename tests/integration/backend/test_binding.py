"""Every statement carries its tenant: two tenants of one shard, in turn, as web."""

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.utils import DataError, ProgrammingError
from psycopg import sql

from sharding import scope
from sharding.backend.errors import StatementRefused
from tests.integration.backend.grounds import sqlstate
from tests.integration.backend.models import Author

WHO = "SELECT session_user, current_user, current_schema, current_setting('is_superuser')"


def who(place):
    return ("web", place.role, place.schema, "off")


def names(cursor):
    cursor.execute("SELECT name FROM backend_tests_author ORDER BY name")
    return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def authors(grounds):
    """One author in each tenant, named after it."""
    for place in grounds.all:
        with scope.enter(place):
            Author.objects.create(name=place.tenant_id)
    return grounds


def test_statements_run_as_the_tenant_in_scope_in_turn(grounds):
    for place in grounds.all * 2:
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute(WHO)
            assert cursor.fetchone() == who(place)


def test_one_cursor_follows_the_scope_between_its_statements(authors):
    with scope.enter(authors.a):
        cursor = connection.cursor()
        assert names(cursor) == [authors.a.tenant_id]
    with scope.enter(authors.b):
        assert names(cursor) == [authors.b.tenant_id]
        cursor.close()


def test_two_tenants_alternate_inside_one_transaction(authors):
    # Scopes cannot be switched inside a block; the backend holds even if somebody forces it.
    with scope.enter(authors.a), transaction.atomic(), connection.cursor() as cursor:
        for place in (authors.b, authors.a, authors.b):
            scope.replace(place)
            assert set(names(cursor)) == {place.tenant_id}
            cursor.execute("INSERT INTO backend_tests_author (name) VALUES (%s)", [place.role])
        scope.replace(authors.a)
    for place, count in ((authors.a, 2), (authors.b, 3)):
        with scope.enter(place):
            assert Author.objects.filter(name=place.role).count() == count


@pytest.mark.parametrize(
    "say",
    [
        str,
        str.encode,
        sql.SQL,
        lambda text: f"-- a comment\n/* another /* inside */ */ {text} -- and a last",
        lambda text: f"  {text} ;  ",
    ],
    ids=["str", "bytes", "composable", "comments", "trailing semicolon"],
)
def test_every_way_to_say_a_statement_is_bound(authors, say):
    for place in (authors.a, authors.b, authors.a):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute(say("SELECT name FROM backend_tests_author"))
            assert cursor.fetchall() == [(place.tenant_id,)]


def test_text_with_a_semicolon_inside_is_bound_as_well(authors):
    for place in (authors.a, authors.b):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute("SELECT name || ';' || %s FROM backend_tests_author", ["%;x"])
            assert cursor.fetchall() == [(f"{place.tenant_id};%;x",)]
            assert connection.connection.info.transaction_status.name == "IDLE"
            with transaction.atomic():
                cursor.execute("SELECT name, ';' AS s FROM backend_tests_author")
                assert cursor.fetchall() == [(place.tenant_id, ";")]


def test_executemany_is_bound(authors):
    for place in (authors.a, authors.b, authors.a):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO backend_tests_author (name) VALUES (%s)", [("m1",), ("m2",)]
            )
            assert cursor.rowcount == 2
            with transaction.atomic():
                cursor.executemany("DELETE FROM backend_tests_author WHERE name = %s", [("m2",)])
                cursor.executemany(
                    "UPDATE backend_tests_author SET name = %s WHERE name = 'm1'", [(place.role,)]
                )
    for place, count in ((authors.a, 3), (authors.b, 2), (authors.c, 1)):
        with scope.enter(place):
            assert Author.objects.filter(name=place.tenant_id).count() == count


def test_executemany_warns_nobody(place):
    told: list[object] = []
    with scope.enter(place), connection.cursor() as cursor:
        connection.connection.add_notice_handler(told.append)
        cursor.executemany("INSERT INTO backend_tests_author (name) VALUES (%s)", [("m",)])
        with transaction.atomic():
            cursor.executemany("INSERT INTO backend_tests_author (name) VALUES (%s)", [("m",)])
    assert told == []


def test_executemany_may_return_rows(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place), connection.cursor() as wrapped:
            cursor = wrapped.cursor  # Django's wrapper does not know `returning`
            cursor.executemany(
                "INSERT INTO backend_tests_author (name) VALUES (%s) RETURNING current_user",
                [("m1",), ("m2",)],
                returning=True,
            )
            rows = [cursor.fetchall()]
            while cursor.nextset():
                rows.append(cursor.fetchall())
            assert rows == [[(place.role,)], [(place.role,)]]


def test_copy_out_and_in_are_bound(authors):
    for place in (authors.a, authors.b):
        with scope.enter(place), connection.cursor() as cursor:
            with cursor.copy("COPY backend_tests_author (name) TO STDOUT") as copy:
                assert b"".join(copy) == f"{place.tenant_id}\n".encode()
            with cursor.copy("COPY backend_tests_author (name) FROM STDIN") as copy:
                copy.write_row([f"copied to {place.role}"])
            with transaction.atomic(), cursor.copy("COPY backend_tests_author TO STDOUT") as copy:
                assert len(list(copy.rows())) == 2
            assert f"copied to {place.role}" in names(cursor)


def test_copy_takes_one_statement_only(authors):
    with scope.enter(authors.a), connection.cursor() as cursor:
        copy = cursor.copy(f'SET LOCAL ROLE "{authors.b.role}"; COPY (SELECT 1) TO STDOUT')
        with pytest.raises(psycopg.errors.SyntaxError, match="multiple commands"), copy:
            pass
        assert names(cursor) == [authors.a.tenant_id]


def test_stream_is_bound(authors):
    for place in (authors.a, authors.b):
        with scope.enter(place), connection.cursor() as cursor:
            assert list(cursor.stream("SELECT name FROM backend_tests_author")) == [
                (place.tenant_id,)
            ]


def test_a_named_cursor_is_bound_when_declared_and_fetches_in_any_scope(authors):
    with scope.enter(authors.a):
        for number in range(5):
            Author.objects.create(name=f"x{number}")
        with transaction.atomic():
            rows = Author.objects.order_by("name").iterator(chunk_size=2)
            first = next(rows)
            scope.replace(authors.b)
            rest = list(rows)
            scope.replace(authors.a)
    assert [first.name, *(row.name for row in rest)] == [
        authors.a.tenant_id,
        *(f"x{n}" for n in range(5)),
    ]


def test_iterating_outside_a_transaction_leaves_no_cursor_on_the_session(authors):
    with scope.enter(authors.a):
        rows = Author.objects.iterator(chunk_size=1)
        next(rows)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors")
            assert cursor.fetchone() == (0,)
        with pytest.raises(StatementRefused, match="named cursor"):
            connection.create_cursor("mine")
        rows.close()


def test_a_hand_made_pipeline_is_bound(authors):
    for place in (authors.a, authors.b):
        with scope.enter(place), connection.cursor() as one, connection.cursor() as two:
            connection.ensure_connection()
            with transaction.atomic(), connection.connection.pipeline():
                one.execute("SELECT name FROM backend_tests_author")
                two.execute(WHO)
            assert one.fetchall() == [(place.tenant_id,)]
            assert two.fetchone() == who(place)


def test_a_hand_made_pipeline_in_autocommit_is_bound_statement_by_statement(authors):
    for place in (authors.a, authors.b):
        with scope.enter(place):
            cursors = [connection.cursor() for _ in range(4)]
            with connection.connection.pipeline() as pipeline:
                for number, cursor in enumerate(cursors):
                    cursor.execute("SELECT name, current_user FROM backend_tests_author")
                    if number == 1:
                        pipeline.sync()
                    if number == 2:
                        assert cursor.fetchall() == [(place.tenant_id, place.role)]
            for cursor in (*cursors[:2], cursors[3]):
                assert cursor.fetchall() == [(place.tenant_id, place.role)]
            assert connection.connection.info.transaction_status.name == "IDLE"


def test_callproc_is_bound(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.callproc("current_schema", [])
            assert cursor.fetchone() == (place.schema,)


def test_without_scope_a_statement_raises_and_connecting_does_not(grounds):
    wrapper = connections["alpha"]
    wrapper.ensure_connection()
    with wrapper.cursor() as cursor, pytest.raises(scope.NoTenantInScope, match=r"scope\.enter"):
        cursor.execute("SELECT 1")


def test_control_scope_is_refused_by_shards(grounds):
    with (
        scope.enter(scope.CONTROL),
        connections["alpha"].cursor() as cursor,
        pytest.raises(scope.WrongShard),
    ):
        cursor.execute("SELECT 1")


@pytest.mark.parametrize("way", ["execute", "executemany", "copy", "stream"])
def test_the_wrong_shard_is_refused_when_the_statement_runs(authors, way):
    with scope.enter(authors.a):
        kept = connection.cursor()
    runs = {
        "execute": lambda: kept.execute("SELECT 1"),
        "executemany": lambda: kept.executemany("SELECT %s", [(1,)]),
        "copy": lambda: kept.copy("COPY backend_tests_author TO STDOUT").__enter__(),
        "stream": lambda: list(kept.stream("SELECT 1")),
    }
    with scope.enter(authors.c), pytest.raises(scope.WrongShard, match="alpha"):
        runs[way]()


def test_raw_psycopg_cursors_are_bare_and_may_do_nothing(authors):
    with scope.enter(authors.a):
        connection.ensure_connection()
        with connection.connection.cursor() as raw:
            assert raw.execute("SELECT current_user").fetchone() == ("web",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(f"SELECT * FROM {authors.a.schema}.backend_tests_author")


def test_a_role_that_is_gone_is_an_error_and_never_a_fallback(grounds):
    nobody = scope.Placement("tnobody0", "alpha", grounds.a.schema, 1, "g")
    with scope.enter(nobody), pytest.raises(DataError) as error:
        Author.objects.count()
    assert sqlstate(error.value) == "22023"


def test_a_role_that_web_is_no_member_of_is_refused(grounds):
    outside = scope.Placement("toutside", "alpha", grounds.a.schema, 1, "g")
    with grounds.superuser("alpha") as admin:
        admin.execute("CREATE ROLE toutside")
    try:
        with scope.enter(outside), pytest.raises(ProgrammingError) as error:
            Author.objects.count()
    finally:
        with grounds.superuser("alpha") as admin:
            admin.execute("DROP ROLE toutside")
    assert sqlstate(error.value) == "42501"


def test_a_schema_that_is_gone_is_not_found_elsewhere(grounds):
    with grounds.superuser("alpha") as admin:
        admin.execute("CREATE TABLE public.backend_tests_author (id int, name text)")
        admin.execute("GRANT ALL ON public.backend_tests_author TO PUBLIC")
    astray = scope.Placement(grounds.a.tenant_id, "alpha", "tnowhere", 1, "g")
    try:
        with scope.enter(astray), pytest.raises(ProgrammingError) as error:
            Author.objects.count()
    finally:
        with grounds.superuser("alpha") as admin:
            admin.execute("DROP TABLE public.backend_tests_author")
    assert sqlstate(error.value) == "42P01"
