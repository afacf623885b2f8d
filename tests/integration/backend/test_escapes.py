"""Every known way out of a tenant's role: which are closed, and which are not.

The login is a member of all tenants' roles, so this is no wall against hostile SQL (P3). A way
that is open stands here too, in a test that fails on the day it is closed.
"""

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, ProgrammingError

from sharding import scope
from sharding.backend.statements import trusted
from tests.integration.backend.models import Author

READ_B = "SELECT name FROM tbackendb.backend_tests_author"


@pytest.fixture
def secret(grounds):
    """b has a secret; a is in scope."""
    with scope.enter(grounds.b):
        Author.objects.create(name="secret")
    with scope.enter(grounds.a):
        Author.objects.create(name="own")
        yield grounds


def tell(run):
    """What `run` gave away: its rows and its error's words."""
    told: list[str] = []
    try:
        run(told.append)
    except (DatabaseError, psycopg.Error, scope.ScopeError) as error:
        told.append(f"{error} {error.__cause__}")
    return told


STACKED = f'SET LOCAL ROLE "tbackendb"; {READ_B}'
CLOSED = {
    "another schema by its name": READ_B,
    "stacked": STACKED,
    "stacked behind a select": f"SELECT 1; {STACKED}",
    "stacked with session role": f"SELECT 1; SET ROLE tbackendb; {READ_B}",
    "stacked behind a comment": f"SELECT 1; /* ; */ {STACKED}",
    "reset role": f"RESET ROLE; {READ_B}",
    "commit and begin": f"COMMIT; BEGIN; {STACKED}",
    "set_config in a select": f"SELECT set_config('role', 'tbackendb', true), ({READ_B} LIMIT 1)",
    "set_config and XML": (
        f"SELECT set_config('role', 'tbackendb', true), query_to_xml('{READ_B}', true, true, '')"
    ),
    "DO": (
        f"DO $$ BEGIN SET LOCAL ROLE tbackendb; RAISE EXCEPTION '%', ({READ_B} LIMIT 1); END $$"
    ),
    "session authorization": "SET SESSION AUTHORIZATION tbackendb",
    "a function": (
        f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SET ROLE tbackendb; {READ_B}'"
    ),
    "statistics": "SELECT most_common_vals::text FROM pg_stats WHERE schemaname = 'tbackendb'",
    "another session's statement": (
        "SELECT query FROM pg_stat_activity WHERE query LIKE '%secret%' AND pid <> pg_backend_pid()"
    ),
}


@pytest.mark.parametrize("block", [False, True], ids=["autocommit", "in a block"])
@pytest.mark.parametrize("text", CLOSED.values(), ids=CLOSED.keys())
def test_closed_for_text_of_ours(secret, text, block):
    def run(told):
        with connection.cursor() as cursor:
            if block:
                with transaction.atomic():
                    cursor.execute(text)
            else:
                cursor.execute(text)
            told(str(cursor.fetchall() if cursor.description else ""))

    assert "secret" not in " ".join(tell(run))
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        assert cursor.fetchone() == ("tbackenda", "web")


@pytest.mark.parametrize("text", [STACKED, f"SELECT 1; {STACKED}"])
@pytest.mark.parametrize("way", ["executemany", "copy", "stream", "named"])
def test_closed_for_every_other_way_to_send_text(secret, text, way):
    def run(told):
        with transaction.atomic(), connection.cursor() as cursor:
            if way == "executemany":
                cursor.executemany(text, [()])
            elif way == "copy":
                with cursor.copy(f"COPY (SELECT 1) TO STDOUT; {text}") as copy:
                    told(str(b"".join(copy)))
            elif way == "stream":
                told(str(list(cursor.stream(text))))
            else:
                with connection.create_cursor("mine") as named:
                    named.execute(f"SELECT 1; {text}")
                    told(str(named.fetchall()))

    told = tell(run)
    assert told
    assert "secret" not in " ".join(told)


def test_a_role_taken_by_a_statement_alone_is_gone_with_the_next_one(secret):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute('SET LOCAL ROLE "tbackendb"')
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("tbackenda",)


def test_open_psycopg_s_own_cursor_may_take_any_role(secret):
    """Code that reaches past Django and says another role's name gets there."""
    connection.ensure_connection()
    with connection.connection.transaction(), psycopg.ClientCursor(connection.connection) as raw:
        raw.execute('SET LOCAL ROLE "tbackendb"')
        assert raw.execute(READ_B).fetchall() == [("secret",)]


def test_open_trusted_text_may_take_any_role(secret):
    with trusted(), connection.cursor() as cursor:
        cursor.execute(STACKED)
        assert cursor.nextset()
        assert cursor.fetchall() == [("secret",)]


def test_open_names_and_sizes_of_all_tenants_are_visible(secret):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'tbackendb'")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM pg_stat_user_tables WHERE schemaname = 'tbackendb'")
        assert cursor.fetchone()[0] > 0


def test_open_a_plain_view_of_the_owner_sees_every_tenant(secret):
    """Why tenant schemas may hold no plain views; sharding.schemas reports them."""
    with secret.owner(secret.a) as owner:
        owner.execute(f"CREATE VIEW tbackenda.leak AS {READ_B}")
        owner.execute("GRANT SELECT ON tbackenda.leak TO tbackenda")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM leak")
            assert cursor.fetchall() == [("secret",)]
    finally:
        with secret.owner(secret.a) as owner:
            owner.execute("DROP VIEW tbackenda.leak")


def test_negative_control_without_the_one_statement_check_stacked_text_gets_there(
    secret, monkeypatch
):
    """What the check is for: the same text in one simple message."""
    monkeypatch.setattr("sharding.backend.cursor.holds_several", lambda text: False)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1; {STACKED}")
        assert cursor.nextset()
        assert cursor.nextset()
        assert cursor.fetchall() == [("secret",)]


def test_unbound_the_login_may_do_nothing(secret):
    connection.ensure_connection()
    with psycopg.ClientCursor(connection.connection) as raw:
        for text in (READ_B, "SELECT name FROM tbackenda.backend_tests_author"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(text)


def test_the_session_is_web_and_no_superuser(secret):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_user, current_setting('is_superuser'), rolsuper, rolcreaterole "
            "FROM pg_roles WHERE rolname = session_user"
        )
        assert cursor.fetchone() == ("web", "off", False, False)
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("DROP TABLE backend_tests_author")
