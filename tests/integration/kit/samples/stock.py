"""Django's own test cases, unchanged but for the mark."""

import urllib.request

import pytest
from django.db import connection, transaction
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase
from notes.models import Note

pytestmark = pytest.mark.tenant


class Stock(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.note = Note.objects.create(text="of the class")

    def test_rows_of_the_class_are_there(self):
        assert Note.objects.count() == 2

    def test_queries_are_counted(self):
        with self.assertNumQueries(1):
            Note.objects.get(pk=self.note.pk)

    def test_what_one_method_does_is_undone(self):
        Note.objects.all().delete()

    def test_callbacks_of_a_commit_are_captured(self):
        heard = []
        with self.captureOnCommitCallbacks(execute=True):
            transaction.on_commit(lambda: heard.append(Note.objects.count()))
        assert heard == [2]

    def test_the_client_reaches_the_tenant(self):
        response = self.client.get("/", headers={"host": "first.localhost"})
        assert response.json() == {"notes": ["seed", "of the class"]}


class WithFixtures(TestCase):
    fixtures = ["loaded"]

    def test_the_file_is_loaded_and_ids_go_on_after_it(self):
        assert Note.objects.get(pk=40).text == "loaded"
        assert Note.objects.create(text="next").pk > 40


class AfterFixtures(TestCase):
    def test_what_was_loaded_is_gone(self):
        assert not Note.objects.filter(text="loaded").exists()


class Commits(TransactionTestCase):
    def test_a_commits(self):
        Note.objects.create(text="committed", answers=Note.objects.get())
        assert not connection.in_atomic_block

    def test_b_finds_the_first_rows_again(self):
        assert list(Note.objects.values_list("text", "letters")) == [("seed", 4)]


class Serialized(TransactionTestCase):
    serialized_rollback = True

    def test_rows_of_migrations_are_there(self):
        assert Note.objects.get().text == "seed"


class WithResetSequences(TransactionTestCase):
    reset_sequences = True

    def test_ids_begin_again(self):
        Note.objects.all().delete()
        assert Note.objects.create(text="first").pk == 1


class Live(LiveServerTestCase):
    def test_a_server_serves_the_tenant_from_its_own_threads(self):
        Note.objects.create(text="committed")
        request = urllib.request.Request(self.live_server_url, headers={"Host": "first.localhost"})
        with urllib.request.urlopen(request) as answer:
            assert b"committed" in answer.read()


class WithoutDatabase(SimpleTestCase):
    def test_a_database_is_refused(self):
        with pytest.raises(Exception, match="not allowed"):
            Note.objects.count()
