"""deploy/postgres/control.sql does to a database what the devstack does to its control database."""

import os
import subprocess

import psycopg
import pytest
from psycopg import sql

from config import env
from devstack.account import server_account
from devstack.binaries import find_postgres

SCRIPT = env.ROOT / "deploy" / "postgres" / "control.sql"
NAME = "control_by_script"
RIGHTS = """
SELECT 'database', datacl::text FROM pg_database WHERE datname = current_database()
UNION ALL
SELECT 'schema', nspowner::regrole::text || nspacl::text FROM pg_namespace
 WHERE nspname = 'public'
UNION ALL
SELECT 'default ' || defaclobjtype::text, defaclacl::text FROM pg_default_acl
UNION ALL
SELECT 'setting ' || setrole::regrole::text, setconfig::text FROM pg_db_role_setting
 WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT rolname, (rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb)::text
  FROM pg_roles WHERE rolname IN ('web', 'own')
ORDER BY 1
"""


@pytest.fixture
def database(stack_ready):
    """An empty database beside control, on its server."""
    with psycopg.connect(stack_ready.admin_conninfo("control"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        yield NAME
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


def run_script(stack, database):
    known = stack.registry().control
    psql = find_postgres(server_account()).folder / "psql"
    return subprocess.run(
        (
            str(psql),
            "--no-psqlrc",
            "-d",
            stack.admin_conninfo("control", database),
            "-f",
            str(SCRIPT),
        ),
        env={
            **os.environ,
            # As they are: the server is everybody's.
            "ATOLL_WEB_PASSWORD": known.web.password,
            "ATOLL_OWN_PASSWORD": known.own.password,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def rights(stack, database=None):
    with psycopg.connect(stack.admin_conninfo("control", database)) as admin:
        found = admin.execute(RIGHTS).fetchall()
    # In which order they were granted is all the same.
    return {name: sorted((rights or "").strip("{}").split(",")) for name, rights in found}


def test_both_ways_end_in_the_same_rights_and_the_script_may_run_again(stack_ready, database):
    assert rights(stack_ready, database) != rights(stack_ready), "negative control: not yet"
    for _ in range(2):
        ended = run_script(stack_ready, database)
        assert ended.returncode == 0, ended.stderr
        assert rights(stack_ready, database) == rights(stack_ready)


def test_the_logins_work_and_web_owns_nothing(stack_ready, database):
    assert run_script(stack_ready, database).returncode == 0
    known = stack_ready.registry().control
    address = f"host={known.direct.host} port={known.direct.port} dbname={database}"
    own = psycopg.connect(address, user=known.own.user, password=known.own.password)
    web = psycopg.connect(address, user=known.web.user, password=known.web.password)
    with own, web:
        own.execute("CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY, word text)")
        own.commit()
        web.execute("INSERT INTO kept (word) VALUES ('x')")
        web.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute("CREATE TABLE mine (id int)")
        web.rollback()
        assert web.execute("SHOW statement_timeout").fetchone() == ("3s",)


def test_without_passwords_nothing_is_done(stack_ready, database):
    psql = find_postgres(server_account()).folder / "psql"
    before = rights(stack_ready, database)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
    ended = subprocess.run(
        (
            str(psql),
            "--no-psqlrc",
            "-d",
            stack_ready.admin_conninfo("control", database),
            "-f",
            str(SCRIPT),
        ),
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert rights(stack_ready, database) == before
