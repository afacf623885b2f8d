"""Each leak stands between neighbours that must stay green."""

import threading

import pytest
from django.db import connection, transaction
from django.test import TestCase
from notes.models import Note

from sharding import scope


def fine():
    assert Note.objects.count() == 1
    Note.objects.create(text="mine")
    assert transaction.get_connection().savepoint_ids == []


def test_a_neighbour(tenant):
    fine()


@pytest.mark.parametrize("other_tenant", ["same shard", "another shard"], indirect=True)
def test_leaks_a_scope(tenant, other_tenant):
    scope.enter(other_tenant.place).__enter__()
    Note.objects.create(text="lost")


def test_b_neighbour(tenant):
    fine()


def test_leaks_a_block(tenant):
    transaction.atomic().__enter__()
    Note.objects.create(text="lost")


def test_c_neighbour(tenant):
    fine()


@pytest.mark.django_db(transaction=True)
def test_leaks_a_block_that_would_commit(tenant):
    transaction.atomic().__enter__()
    Note.objects.create(text="lost")


def test_d_neighbour(tenant):
    fine()


@pytest.mark.django_db(transaction=True)
def test_leaks_a_transaction_by_hand(tenant):
    connection.set_autocommit(False)
    Note.objects.create(text="lost")


@pytest.mark.django_db(transaction=True)
def test_e_neighbour(tenant):
    fine()


def test_leaks_a_connection_of_a_thread(tenant):
    def work():
        with tenant.scope():
            assert Note.objects.count() == 1

    thread = threading.Thread(target=work, name="forgetful")
    thread.start()
    thread.join()


def test_f_neighbour(tenant):
    fine()


def test_thread_that_closes_is_fine(tenant):
    def work():
        with tenant.scope():
            assert Note.objects.count() == 1
        connection_of_thread.append(transaction.get_connection)
        from django.db import connections

        connections.close_all()

    connection_of_thread = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert connection_of_thread


@pytest.mark.tenant
class Stock(TestCase):
    @classmethod
    def setUpTestData(cls):
        Note.objects.create(text="of the class")

    def test_a_neighbour(self):
        assert Note.objects.count() == 2

    def test_b_leaks_a_block(self):
        transaction.atomic().__enter__()
        Note.objects.all().delete()

    def test_c_neighbour(self):
        assert Note.objects.count() == 2

    def test_d_leaks_a_scope(self):
        scope.enter(None, independent=True).__enter__()

    def test_e_neighbour(self):
        assert Note.objects.count() == 2
