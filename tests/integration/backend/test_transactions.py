"""Blocks, savepoints, hooks on commit, and scopes across them."""

import threading

import pytest
from django.db import connection, connections, transaction
from django.db.utils import DatabaseError, IntegrityError, InternalError
from django.test import override_settings

from sharding import scope
from tests.integration.backend.models import Author


def names(place):
    with scope.enter(place):
        return sorted(Author.objects.values_list("name", flat=True))


def test_a_failed_block_undoes_its_tenants_rows_only(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            Author.objects.create(name="kept")
    with scope.enter(grounds.a), pytest.raises(ZeroDivisionError), transaction.atomic():
        Author.objects.create(name="undone")
        raise ZeroDivisionError
    assert names(grounds.a) == names(grounds.b) == ["kept"]


def test_savepoints_roll_back_and_the_binding_outlives_them(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place), transaction.atomic():
            Author.objects.create(name=place.role)
            with pytest.raises(IntegrityError), transaction.atomic():
                Author.objects.create(name="undone")
                Author.objects.create(name=None)
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                assert cursor.fetchone() == (place.role,)
        assert names(place) == [place.role]


def test_a_savepoint_as_the_first_statement_works(place):
    with scope.enter(place), transaction.atomic(), transaction.atomic():
        Author.objects.create(name="x")
    assert names(place) == ["x"]


def test_savepoints_work_after_the_scope_was_left(place):
    with scope.enter(place), transaction.atomic():
        Author.objects.create(name="x")
        inner = transaction.atomic(using="alpha")
        inner.__enter__()
        Author.objects.create(name="y")
        scope.replace(None)
        inner.__exit__(ValueError, ValueError(), None)
        scope.replace(place)
    assert names(place) == ["x"]


def test_an_aborted_transaction_answers_as_the_server_does(place):
    with scope.enter(place), transaction.atomic():
        Author.objects.create(name="x")
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT by_hand")
            with pytest.raises(DatabaseError):
                cursor.execute("SELECT 1/0")
            with pytest.raises(InternalError, match="aborted"):
                cursor.execute("SELECT 1")
            cursor.execute("ROLLBACK TO by_hand")
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (place.role,)


def test_begin_and_commit_by_hand_work_as_in_stock(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO backend_tests_author (name) VALUES ('by hand')")
            cursor.execute("COMMIT")
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (place.role,)
        assert names(place) == ["by hand"]


def begin_by_hand(place):
    """Begin, write, and leave it at that."""
    with scope.enter(place), connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO backend_tests_author (name) VALUES ('left open')")


def test_a_transaction_that_was_begun_by_hand_does_not_outlive_its_scope(grounds):
    for one, other in ((grounds.a, grounds.b), (grounds.b, grounds.a)):
        with pytest.raises(scope.LeftOpenTransaction, match="alpha"):
            begin_by_hand(one)
        with scope.enter(other):
            Author.objects.create(name="committed")
            connections["alpha"].close()
        assert names(one) == ([] if one == grounds.a else ["committed"])
        assert names(other) == ["committed"]


def test_negative_control_it_would_take_in_what_the_next_tenant_writes(grounds, monkeypatch):
    # As if there were no such status.
    monkeypatch.setattr("sharding.backend.probe._UNKNOWN", 0)
    begin_by_hand(grounds.a)
    with scope.enter(grounds.b):
        Author.objects.create(name="lost")
        connections["alpha"].close()
    assert names(grounds.a) == names(grounds.b) == []


def test_nobody_enters_another_tenant_while_rows_are_streamed_or_after_a_begin_by_hand(grounds):
    with scope.enter(grounds.a), connection.cursor() as cursor:
        rows = cursor.stream("SELECT generate_series(1, 3)")
        next(rows)
        with pytest.raises(scope.OpenTransaction, match="alpha"), scope.enter(grounds.b):
            pytest.fail("entered")
        assert len(list(rows)) == 2
        with scope.enter(grounds.b):
            assert not Author.objects.exists()
        cursor.execute("BEGIN")
        with pytest.raises(scope.OpenTransaction, match="alpha"), scope.enter(grounds.b):
            pytest.fail("entered")
        cursor.execute("ROLLBACK")


def test_an_isolation_level_may_be_set_first_in_a_block(place):
    with scope.enter(place), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("serializable",)


def test_callbacks_of_a_commit_run_in_the_scope_that_registered_them(grounds):
    ran = []

    def callback():
        ran.append((scope.current(), Author.objects.count()))

    with scope.enter(grounds.a):
        with transaction.atomic():
            Author.objects.create(name="x")
            transaction.on_commit(callback)
            assert ran == []
        assert ran == [(grounds.a, 1)]
        transaction.on_commit(callback)
        assert len(ran) == 2
    # Even when the block ends with no scope in force.
    entered = scope.enter(grounds.b)
    with entered:
        block = transaction.atomic(using="alpha")
        block.__enter__()
        Author.objects.create(name="y")
        transaction.on_commit(callback)
        scope.replace(None)
        block.__exit__(None, None, None)
        scope.replace(grounds.b)
    assert ran[2:] == [(grounds.b, 1)]


def test_a_rolled_back_block_calls_nobody(place):
    ran = []
    with scope.enter(place), pytest.raises(ZeroDivisionError), transaction.atomic():
        transaction.on_commit(lambda: ran.append(1))
        raise ZeroDivisionError
    assert ran == []


def test_on_commit_refuses_what_is_no_callable(place):
    with scope.enter(place), pytest.raises(TypeError):
        transaction.on_commit("nothing")  # type: ignore[arg-type]


def test_the_time_zone_may_change_inside_a_block(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # from here on the transaction is the tenant's
            for zone in ("Asia/Tokyo", "UTC"):
                with override_settings(USE_TZ=False, TIME_ZONE=zone):
                    cursor.execute("SHOW TimeZone")
                    assert cursor.fetchone() == (zone,)


@pytest.mark.parametrize("other", ["b", "c"])
def test_another_tenant_may_not_be_entered_inside_a_block(grounds, other):
    with scope.enter(grounds.a), transaction.atomic():
        Author.objects.create(name="x")
        with pytest.raises(scope.OpenTransaction, match="alpha"):
            scope.enter(getattr(grounds, other)).__enter__()
        assert scope.current() == grounds.a
    assert names(grounds.a) == ["x"]


def test_an_independent_scope_has_a_connection_of_its_own(grounds):
    with scope.enter(grounds.a), transaction.atomic():
        Author.objects.create(name="in the block")
        outer = connections["alpha"]
        with scope.enter(grounds.b, independent=True):
            assert connections["alpha"] is not outer
            Author.objects.create(name="apart")
        with scope.enter(grounds.a, independent=True):
            assert Author.objects.count() == 0, "the block outside is not committed yet"
        assert connections["alpha"] is outer
        transaction.set_rollback(True)
    assert names(grounds.a) == []
    assert names(grounds.b) == ["apart"]


def test_leaving_a_scope_with_an_open_block_raises_and_rolls_back(place):
    block = transaction.atomic()
    with pytest.raises(scope.LeftOpenTransaction, match="alpha"), scope.enter(place):
        block.__enter__()
        Author.objects.create(name="lost")
    assert scope.current() is None
    assert names(place) == []
    with scope.enter(place), transaction.atomic():
        Author.objects.create(name="after")
    assert names(place) == ["after"]


def test_leaving_a_block_inside_the_scope_that_stands_in_it_raises(place):
    with scope.enter(place):
        block = transaction.atomic()
        block.__enter__()
        Author.objects.create(name="lost")
        with pytest.raises(scope.LeftOpenTransaction), scope.enter(place):
            block.__exit__(None, None, None)


def test_a_leaked_scope_object_leaves_nothing_when_it_is_collected(grounds):
    import gc

    with scope.enter(grounds.a):
        leaked = scope.enter(grounds.b)
        leaked.__enter__()
        del leaked
        gc.collect()
        assert scope.current() == grounds.b
        scope.replace(grounds.a)


def test_a_new_thread_has_no_scope_and_no_connection(place):
    seen: list[object] = []

    def work():
        seen.append(scope.current())
        try:
            Author.objects.count()
        except scope.NoTenantInScope as error:
            seen.append(type(error))

    with scope.enter(place):
        Author.objects.count()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [None, scope.NoTenantInScope]


def test_manual_transactions_count_as_open(grounds):
    with scope.enter(grounds.a):
        transaction.set_autocommit(False)
        Author.objects.create(name="x")
        with pytest.raises(scope.OpenTransaction):
            scope.enter(grounds.b).__enter__()
        transaction.commit()
        transaction.set_autocommit(True)
    assert names(grounds.a) == ["x"]


def test_deferred_constraints_are_checked_in_the_tenants_schema(place):
    with scope.enter(place):
        with pytest.raises(IntegrityError), transaction.atomic():
            Author.objects.create(name="x", boss_id=99)
        with transaction.atomic():
            Author.objects.create(name="x", boss_id=99)
            with pytest.raises(IntegrityError):
                connection.check_constraints()
            transaction.set_rollback(True)
    # Without a scope, as TestCase does at its end.
    connections["alpha"].check_constraints()
