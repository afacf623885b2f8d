"""What the caller sees is its own statement: results, captured SQL, line numbers."""

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.utils import DatabaseError, ProgrammingError
from django.test.utils import CaptureQueriesContext

from sharding import scope
from sharding.backend.cursor import BoundCursor
from sharding.backend.statements import trusted
from tests.integration.backend.models import Author


@pytest.fixture(params=["autocommit", "first of a block", "second of a block"])
def cursor(request, grounds):
    """A cursor of b, after one of a used the connection; alone, after BEGIN, in a transaction."""
    with scope.enter(grounds.a), connection.cursor() as other:
        other.execute("SELECT 1")
    with scope.enter(grounds.b):
        if request.param == "autocommit":
            with connection.cursor() as made:
                yield made
            return
        with transaction.atomic(), connection.cursor() as made:
            if request.param == "second of a block":
                made.execute("SELECT 1")
            yield made


def test_description_rowcount_and_status_are_the_statements(cursor):
    cursor.execute("SELECT 1 AS one, 'x' AS two")
    assert [column.name for column in cursor.description] == ["one", "two"]
    assert cursor.rowcount == 1
    assert cursor.statusmessage == "SELECT 1"
    assert cursor.nextset() is None
    cursor.execute("INSERT INTO backend_tests_author (name) VALUES ('x'), ('y')")
    assert cursor.rowcount == 2
    assert cursor.statusmessage == "INSERT 0 2"
    assert cursor.description is None


def test_rows_come_in_every_way(cursor):
    cursor.execute("SELECT n FROM generate_series(1, 5) n")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    cursor.scroll(-1)
    assert [row for (row,) in cursor] == [3, 4, 5]
    if hasattr(cursor.cursor, "results"):  # psycopg 3.3
        assert len(list(cursor.results())) == 1


def test_an_empty_statement_is_no_error(cursor):
    cursor.execute("")
    cursor.execute("-- nothing")
    cursor.execute(" ; ")
    assert cursor.description is None


def test_results_of_several_trusted_statements_are_counted_from_the_first(cursor):
    with trusted():
        cursor.execute("SELECT 1; SELECT current_user; SELECT 3")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset()
    assert cursor.fetchone() == ("tbackendb",)
    assert cursor.nextset()
    assert cursor.nextset() is None
    if hasattr(cursor.cursor, "set_result"):  # psycopg 3.3
        assert cursor.cursor.set_result(0).fetchone() == (1,)


def test_captured_sql_shows_no_prefix(place):
    with scope.enter(place), CaptureQueriesContext(connection) as captured:
        Author.objects.create(name="x")
        with transaction.atomic():
            list(Author.objects.filter(name="x"))
        sql = [query["sql"] for query in captured.captured_queries]
    assert not [text for text in sql if "SET LOCAL" in text]
    assert [text.split()[0] for text in sql] == ["INSERT", "BEGIN", "SELECT", "COMMIT"]


def test_explain_and_last_executed_query_show_the_statement_alone(place):
    with scope.enter(place):
        assert "Scan" in Author.objects.filter(name="x").explain()
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", ["it's"])
            last = connection.ops.last_executed_query(cursor, "SELECT %s", ["it's"])
    assert last == "SELECT 'it''s'"


@pytest.mark.parametrize(("text", "line"), [("selec 1", 1), ("SELECT 1,\n\n  nothing", 3)])
def test_line_numbers_of_errors_are_the_callers(place, text, line):
    with scope.enter(place), connection.cursor() as cursor:
        for within in (False, True):
            with pytest.raises(ProgrammingError) as error:
                if within:
                    with transaction.atomic():
                        cursor.execute(text)
                else:
                    cursor.execute(text)
            assert f"LINE {line}:" in str(error.value)


def test_an_error_with_lines_of_its_own_is_left_alone(place):
    with (
        scope.enter(place),
        connection.cursor() as cursor,
        pytest.raises(DatabaseError) as error,
    ):
        cursor.execute("SELECT CAST(%s AS int)", ["LINE 7: x"])
    assert "LINE 7: x" in str(error.value)


def test_begin_rides_with_the_first_statement(place, tmp_path):
    """One message less than stock: the transaction begins with the statement, not before."""
    trace = tmp_path / "trace"
    with scope.enter(place), trace.open("w") as file:
        connection.ensure_connection()
        pgconn = connection.connection.pgconn
        with transaction.atomic():
            pgconn.trace(file.fileno())
            Author.objects.count()
            pgconn.untrace()
            assert connection.connection.info.transaction_status.name == "INTRANS"
    sent = [line for line in trace.read_text().splitlines() if "\tF\t" in line]
    assert len(sent) == 1
    assert "BEGIN;SET LOCAL ROLE" in sent[0]


def test_a_syntax_error_as_first_statement_leaves_no_transaction_behind(place):
    with scope.enter(place):
        with pytest.raises(ProgrammingError), transaction.atomic():
            connection.cursor().execute("selec")
        assert connections["alpha"].connection.info.transaction_status.name == "IDLE"
        Author.objects.create(name="after")
        assert Author.objects.count() == 1


def test_out_of_a_scope_our_cursor_does_on_a_connection_of_psycopgs_own_class(stack):
    """As a pool gives them that somebody else has made."""
    with psycopg.connect(stack.admin_conninfo("alpha"), cursor_factory=BoundCursor) as plain:
        assert plain.execute("SELECT 7").fetchone() == (7,)
        with pytest.raises(psycopg.errors.SyntaxError):
            plain.execute("nonsense")
