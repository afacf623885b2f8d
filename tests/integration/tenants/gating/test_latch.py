"""Whether anything was committed is known from the connection."""

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from sharding.scope.latch import latched


@pytest.fixture
def latch(move):
    with move.tenant.scope():
        connection.ensure_connection()
        with latched() as made:
            yield made


def test_reads_commit_nothing_in_a_transaction_or_without_one(latch):
    list(Group.objects.all())
    with transaction.atomic():
        list(Group.objects.select_for_update())
    with connection.cursor() as cursor:
        cursor.execute("WITH x AS (SELECT 1) SELECT * FROM x")
    assert not latch.committed


def test_what_is_written_outside_of_a_transaction_is_committed(latch):
    Group.objects.create(name="somebody")
    assert latch.committed


def test_what_is_written_in_a_transaction_is_committed_at_its_end(latch):
    with transaction.atomic():
        with transaction.atomic():
            Group.objects.create(name="somebody")
        assert not latch.committed
    assert latch.committed


def test_what_is_rolled_back_is_not(latch):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Group.objects.create(name="somebody")
        raise ZeroDivisionError
    list(Group.objects.all())
    assert not latch.committed


def test_what_the_server_refuses_is_not(latch):
    with connection.cursor() as cursor:
        for statement in ("INSERT INTO auth_group (name) VALUES (NULL)", "DELETE FROM nowhere"):
            with pytest.raises(DatabaseError):
                cursor.execute(statement)
    list(Group.objects.all())
    assert not latch.committed
    assert latch.missed is not None


def test_a_transaction_that_failed_and_is_committed_all_the_same_is_a_rollback(latch):
    with transaction.atomic():
        Group.objects.create(name="somebody")
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute("SELECT 1 / 0")
    assert Group.objects.count() == 0
    assert not latch.committed


@pytest.mark.parametrize("in_transaction", [False, True])
def test_copy_and_executemany_are_writes_too(latch, in_transaction):
    rows = [("one",), ("two",)]
    with connection.cursor() as cursor:
        if in_transaction:
            with transaction.atomic():
                cursor.executemany("INSERT INTO auth_group (name) VALUES (%s)", rows)
                assert not latch.committed
        else:
            with cursor.copy("COPY auth_group (name) FROM STDIN") as copy:
                copy.write(b"one\ntwo\n")
    assert latch.committed
    assert Group.objects.count() == 2


def test_several_statements_in_one_text_are_watched_as_well(latch):
    from sharding.backend.statements import trusted

    with trusted(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem TO '1MB'; INSERT INTO auth_group (name) VALUES ('x')")
    assert Group.objects.count() == 1
    assert latch.committed


def test_the_fence_is_noted_wherever_the_write_comes_from(latch, move):
    move.fence()
    with connection.cursor() as cursor:
        with pytest.raises(DatabaseError):
            cursor.executemany("INSERT INTO auth_group (name) VALUES (%s)", [("one",)])
    assert latch.refused is not None
    assert latch.refused.tenant_id == move.tenant.id
    assert not latch.committed
