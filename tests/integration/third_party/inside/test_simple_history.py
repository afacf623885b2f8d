"""django-simple-history: every tenant remembers its own."""

from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from accounts.models import User
from sharding import scope
from tests.integration.third_party.inside.blocks import rolled_back
from tests.integration.third_party.shelf.models import Book


def test_created_changed_and_deleted_are_remembered(places):
    for place in places:
        with scope.enter(place):
            book = Book.objects.create(title="first")
            book.title = f"second of {place.tenant_id}"
            book.save()
            key = book.pk
            book.delete()
    for place in places:
        with scope.enter(place):
            story = Book.history.filter(id=key).order_by("history_id")
            assert [(one.history_type, one.title) for one in story if one.title != "other"][
                -3:
            ] == [
                ("+", "first"),
                ("~", f"second of {place.tenant_id}"),
                ("-", f"second of {place.tenant_id}"),
            ]


def test_as_of_shows_what_the_tenant_had_then(places):
    moments = {}
    for place in places:
        with scope.enter(place):
            book = Book.objects.create(title=f"then {place.tenant_id}")
            moments[place] = (book.pk, timezone.now())
            book.title = "now"
            book.save()
    for place in places:
        key, moment = moments[place]
        with scope.enter(place):
            assert Book.history.as_of(moment).get(pk=key).title == f"then {place.tenant_id}"
            assert Book.objects.get(pk=key).history.as_of(moment).title.startswith("then")
            assert Book.objects.get(pk=key).title == "now"


def test_two_records_are_told_apart(places):
    for place in places:
        with scope.enter(place):
            book = Book.objects.create(title="before")
            book.title = f"after in {place.tenant_id}"
            book.save()
            newest = book.history.latest()
            (change,) = newest.diff_against(newest.prev_record).changes
            assert (change.field, change.old, change.new) == ("title", "before", book.title)


def test_who_changed_it_is_a_user_of_the_tenant(places, client_of, token_of):
    for place in places:
        client = client_of(place, token=token_of(place))
        answer = client.post("/api/books/", {"title": "by whom"}, "application/json")
        assert answer.status_code == 201, answer.content
    for place in places:
        with scope.enter(place):
            record = Book.history.filter(title="by whom").select_related("history_user").get()
            assert record.history_user == User.objects.get(email=f"reader@{place.tenant_id}.test")


def test_a_user_who_goes_leaves_the_history_behind(places):
    for place in places:
        with scope.enter(place):
            user = User.objects.create_user("leaves@example.com")
            book = Book(title="stays")
            book._history_user = user
            book.save()
            assert book.history.get().history_user == user
            user.delete()
            assert book.history.get().history_user is None


def test_many_at_once_are_remembered_or_none(places):
    for place in places:
        with scope.enter(place):
            bulk_create_with_history([Book(title="bulk 1"), Book(title="bulk 2")], Book)
            assert Book.history.filter(title__startswith="bulk").count() == 2

            with rolled_back():
                bulk_create_with_history([Book(title="bulk 3")], Book)
                Book.objects.filter(title="bulk 1").get().delete()
            assert Book.history.filter(title__startswith="bulk").count() == 2
            assert Book.objects.filter(title__startswith="bulk").count() == 2
