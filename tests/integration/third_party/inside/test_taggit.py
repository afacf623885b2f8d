"""django-taggit: tags belong to the tenant that has the book."""

import pytest
from django.db import transaction
from taggit.models import Tag, TaggedItem

from sharding import scope
from sharding.scope import WrongTenant
from tests.integration.third_party.inside.blocks import rolled_back
from tests.integration.third_party.shelf.models import Book


def test_the_same_tag_in_three_tenants_is_three_tags(places):
    titles = {place: f"{place.tenant_id} on sailing" for place in places}
    for place in places:
        with scope.enter(place):
            Book.objects.create(title=titles[place]).tags.add("sailing", place.tenant_id)
    for place in (*places, *places):
        with scope.enter(place):
            found = Book.objects.filter(tags__name__in=["sailing"]).values_list("title", flat=True)
            assert list(found) == [titles[place]]
            assert Tag.objects.filter(name="sailing").count() == 1
            others = [other.tenant_id for other in places if other is not place]
            assert not Tag.objects.filter(name__in=others).exists()


def test_tags_are_added_set_removed_and_cleared_statement_by_statement_in_turn(places):
    books = {}
    for place in places:
        with scope.enter(place):
            books[place] = Book.objects.create(title="turns")
    steps = [
        (lambda book: book.tags.add("red", "green"), {"red", "green"}),
        (lambda book: book.tags.set(["green", "blue"]), {"green", "blue"}),
        (lambda book: book.tags.remove("green"), {"blue"}),
        (lambda book: book.tags.clear(), set()),
    ]
    for step, names in steps:
        for place in places:
            with scope.enter(place):
                step(books[place])
        for place in places:
            with scope.enter(place):
                assert set(books[place].tags.names()) == names


def test_similar_and_most_common_count_the_own_tenant_only(places):
    for number, place in enumerate(places, start=1):
        with scope.enter(place):
            for _ in range(number):
                Book.objects.create(title="alike").tags.add("alike")
    for number, place in enumerate(places, start=1):
        with scope.enter(place):
            book = Book.objects.filter(title="alike").earliest("id")
            assert len(book.tags.similar_objects()) == number - 1
            common = dict(Book.tags.most_common().values_list("name", "num_times"))
            assert common["alike"] == number


def test_books_are_prefetched_with_their_tags(places):
    for place in places:
        with scope.enter(place):
            for colour in ("teal", "plum"):
                Book.objects.create(title="prefetched").tags.add(colour, f"{colour}-too")
    for place in places:
        with scope.enter(place):
            books = Book.objects.filter(title="prefetched").order_by("id").prefetch_related("tags")
            names = [sorted(tag.name for tag in book.tags.all()) for book in books]
            assert names == [["teal", "teal-too"], ["plum", "plum-too"]]


def test_a_failed_block_leaves_neither_book_nor_tag(places):
    for place in places:
        with scope.enter(place):
            with rolled_back():
                Book.objects.create(title="undone").tags.add("undone")
                assert Tag.objects.filter(name="undone").exists()
            assert not Book.objects.filter(title="undone").exists()
            assert not Tag.objects.filter(name="undone").exists()
            assert not TaggedItem.objects.filter(tag__name="undone").exists()


def test_what_is_to_run_on_commit_sees_the_tags_of_its_tenant(places):
    heard = []
    for place in places:
        with scope.enter(place):
            with transaction.atomic():
                Book.objects.create(title="committed").tags.add(f"committed-{place.tenant_id}")
                transaction.on_commit(
                    lambda: heard.append(
                        list(
                            Tag.objects.filter(name__startswith="committed-").values_list(
                                "name", flat=True
                            )
                        )
                    )
                )
                before = len(heard)
            assert len(heard) == before + 1
    assert heard == [[f"committed-{place.tenant_id}"] for place in places]


def test_another_tenants_tag_cannot_be_given_to_a_book(places):
    here, neighbour, _ = places
    with scope.enter(here):
        tag = Tag.objects.create(name="foreign", slug="foreign")
    with scope.enter(neighbour):
        book = Book.objects.create(title="tries")
        with pytest.raises(WrongTenant):
            book.tags.add(tag)
        assert not book.tags.exists()
