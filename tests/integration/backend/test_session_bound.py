"""Session-bound mode: the thread's connection of the shard is the owner's, and gone afterwards."""

import copy
import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, migrations, models, router, transaction
from django.db.migrations.state import ModelState, ProjectState
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend import session_bound as module
from sharding.backend.errors import NotSessionBound
from sharding.backend.session_bound import active, session_bound
from sharding.pools.breaker import BreakerLook, BreakerState, install_breaker
from tests.fixtures.waiting import wait_for
from tests.integration.backend.models import Author, Tag

WHO = "SELECT session_user, current_user, current_setting('search_path')"


def ask(question=WHO):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()


@pytest.fixture
def scratch(grounds):
    """Tables that a test makes are dropped."""
    yield grounds
    for place in (grounds.a, grounds.b):
        with grounds.owner(place) as owner:
            owner.execute(f"DROP TABLE IF EXISTS {place.schema}.extra CASCADE")
            owner.execute(
                f"ALTER TABLE {place.schema}.backend_tests_tag DROP COLUMN IF EXISTS colour"
            )
            owner.execute(f"DROP INDEX IF EXISTS {place.schema}.tag_name_now")


def test_inside_every_way_to_the_shard_is_the_owners_connection(grounds):
    for place in (grounds.a, grounds.b):
        with session_bound(place):
            assert ask() == ("own", "own", f"{place.schema}, reference, extensions")
            assert connections[place.shard] is connections["default"]
            assert connections[router.db_for_write(Author)] is connections["default"]
            assert active()
    assert not active()


def test_afterwards_it_is_closed_for_real_and_the_old_connection_is_back(grounds):
    with scope.enter(grounds.a):
        Author.objects.count()
        before = connections["alpha"]
        with session_bound(grounds.b):
            owners = connection.connection
        assert owners.closed
        assert connections["alpha"] is before
        assert ask()[:2] == ("web", grounds.a.role)
    assert scope.current() is None
    with grounds.superuser("alpha") as admin:
        owners_sessions = (
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'own' "
            "AND application_name = 'atoll' AND datname = current_database()"
        )
        wait_for(lambda: admin.execute(owners_sessions).fetchone() == (0,))


def test_it_is_the_same_after_an_error(grounds):
    with pytest.raises(ZeroDivisionError), session_bound(grounds.a):
        raise ZeroDivisionError
    assert not active()
    with scope.enter(grounds.a):
        assert ask()[:2] == ("web", grounds.a.role)


def test_statements_are_not_prefixed_so_what_refuses_a_transaction_works(scratch):
    with session_bound(scratch.a), connection.cursor() as cursor:
        cursor.execute("CREATE INDEX CONCURRENTLY tag_name_now ON backend_tests_tag (name)")
        cursor.execute("VACUUM backend_tests_tag")
        cursor.execute("SET lock_timeout = '1s'; SELECT 1")


def test_the_scope_of_another_tenant_is_refused_in_it(grounds):
    with session_bound(grounds.a):
        scope.replace(grounds.b)
        with pytest.raises(scope.WrongTenant, match=grounds.a.tenant_id):
            Author.objects.count()
        scope.replace(grounds.a)


def test_other_threads_are_not_session_bound(grounds):
    seen = []

    def work():
        seen.append(active())
        with scope.enter(grounds.a):
            seen.append(ask()[0])
            connection.close()

    with session_bound(grounds.a):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [False, "web"]


def test_it_is_refused_inside_a_block_and_inside_itself(grounds):
    with scope.enter(grounds.a), transaction.atomic():
        with pytest.raises(scope.OpenTransaction):
            session_bound(grounds.a).__enter__()
    with session_bound(grounds.a):
        with pytest.raises(scope.OpenTransaction):
            session_bound(grounds.c).__enter__()
        assert ask()[0] == "own"
    assert not active()


def test_a_lost_connection_comes_back_bound(grounds):
    with session_bound(grounds.a):
        connection.close()
        assert ask()[2].startswith(grounds.a.schema)
        assert connection.connection.cap == module.WORK_CAP_S


def test_furniture_is_put_in_the_transaction_of_the_table(scratch):
    seen = []

    def furnish(execute):
        execute("SELECT to_regclass('extra') IS NOT NULL")
        seen.append(connection.in_atomic_block)
        execute("COMMENT ON TABLE extra IS 'furnished'")

    class Extra(models.Model):
        atoll_home = "tenant"

        class Meta:
            app_label = "backend_tests"
            db_table = "extra"

    try:
        with session_bound(scratch.a, furnish), connection.schema_editor() as editor:
            editor.create_model(Extra)
        assert seen == [True]
        with scratch.owner(scratch.a) as owner:
            assert owner.execute(
                "SELECT obj_description('tbackenda.extra'::regclass)"
            ).fetchone() == ("furnished",)

        def fail(execute):
            raise ZeroDivisionError

        with (
            pytest.raises(ZeroDivisionError),
            session_bound(scratch.b, fail),
            connection.schema_editor() as editor,
        ):
            editor.create_model(Extra)
        with scratch.owner(scratch.b) as owner:
            assert owner.execute("SELECT to_regclass('tbackendb.extra')").fetchone() == (None,)
    finally:
        from django.apps import apps

        del apps.all_models["backend_tests"]["extra"]
        apps.clear_cache()


def test_a_schema_editor_without_a_transaction_furnishes_in_one_of_its_own(scratch):
    seen = []

    def furnish(execute):
        seen.append(connection.in_atomic_block)

    with session_bound(scratch.a, furnish), connection.schema_editor(atomic=False) as editor:
        editor.execute("CREATE INDEX CONCURRENTLY tag_name_now ON backend_tests_tag (name)")
    assert seen == [True]


def test_without_it_a_schema_editor_that_needs_a_session_is_refused(grounds):
    with scope.enter(grounds.a):
        with pytest.raises(NotSessionBound, match="session_bound"):
            connection.schema_editor(atomic=False).__enter__()
        with connection.schema_editor(atomic=False, collect_sql=True) as editor:
            editor.execute("ALTER TABLE x ADD y int")
        assert editor.collected_sql == ["ALTER TABLE x ADD y int;"]


def test_a_migration_that_reads_what_it_locks_does_not_wait_for_itself(scratch):
    """RunPython goes through the very connection that holds the table's lock."""
    read = []

    def look(apps, editor):
        read.append(Tag.objects.count())
        read.append(editor.connection is connections["default"])

    migration: Any = migrations.Migration("0002_colour", "backend_tests")
    migration.operations = [
        migrations.AddField("tag", "colour", models.CharField(default="", max_length=9)),
        migrations.RunPython(look),
    ]
    for place in (scratch.a, scratch.b):
        with session_bound(place):
            state = ProjectState()
            state.add_model(
                ModelState(
                    "backend_tests",
                    "Tag",
                    [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())],
                )
            )
            started = time.monotonic()
            with connection.schema_editor(atomic=True) as editor:
                migration.apply(state, editor)
            assert time.monotonic() - started < 3
    assert read == [0, True, 0, True]


def test_records_without_a_stamp_pass_in_it(grounds):
    """Migrations of Django itself name the alias: create_permissions puts it into the record."""
    with session_bound(grounds.a):
        tag = Tag.objects.create(name="x")
        tag._state.db = "alpha"
        copy.copy(tag).save()
    with scope.enter(grounds.a), pytest.raises(scope.Unstamped):
        tag.save()


def test_migrations_are_allowed_on_its_shard_and_nowhere_else(grounds):
    def allowed(db, label="auth"):
        return router.allow_migrate(db, label)

    assert not allowed("alpha")
    with scope.enter(grounds.a):
        assert not allowed("alpha")
        assert not allowed("default")
    with session_bound(grounds.a):
        assert allowed("alpha")
        assert allowed("default"), "a library's migration may call create_permissions() itself"
        assert not allowed("default", "placements")
        assert not allowed("beta")
        assert not allowed("control")
        assert not allowed("alpha", "placements")
    assert allowed("control", "placements")
    assert not allowed("control")


@pytest.mark.direct("behind a pooler the breaker is about another address than the owner's")
def test_a_server_that_is_away_is_found_out_before_the_work(grounds):
    class Open:
        away = True

        def suspect(self, reason=""):
            pass

        def look(self):
            return BreakerLook(BreakerState.OPEN, "no answer", datetime.now(UTC))

    install_breaker("alpha", Open())
    try:
        with scope.enter(grounds.c):
            with pytest.raises(OperationalError, match="away"):
                session_bound(grounds.a).__enter__()
            assert scope.current() == grounds.c
        assert not active()
    finally:
        install_breaker("alpha", None)


def test_the_owner_is_no_superuser_and_web_cannot_become_owner(grounds):
    with session_bound(grounds.a):
        assert ask("SELECT current_setting('is_superuser')") == ("off",)
    with scope.enter(grounds.a):
        connection.ensure_connection()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.connection.execute("SET ROLE own")
