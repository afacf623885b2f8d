"""What a tenant's code reads, the same words in the old project and here."""

from typing import Any


def read() -> dict[str, Any]:
    """Everything of the tenant in scope, by names and not by ids of content types."""
    from django.contrib.auth import get_user_model

    from tests.integration.adoption.stock.models import Book, Label, Shelf

    people = get_user_model().objects.order_by("id")
    books = Book.objects.select_related("shelf", "owner").prefetch_related("labels").order_by("id")
    owners = {book.owner_id for book in books} | {book.reader_id for book in books}
    return {
        "books": [
            [
                book.id,
                book.title,
                book.shelf.name,
                book.owner.username if book.owner else None,
                book.reader_id,
                sorted(label.word for label in book.labels.all()),
            ]
            for book in books
        ],
        "shelves": [
            [shelf.id, shelf.name, sorted(label.word for label in shelf.labels.all())]
            for shelf in Shelf.objects.prefetch_related("labels").order_by("id")
        ],
        "labels": [
            [label.id, label.word, type(label.of).__name__, label.object_id]
            for label in Label.objects.order_by("id").prefetch_related("of")
        ],
        "people": [
            [
                person.id,
                person.username,
                person.password,
                person.profile.motto if hasattr(person, "profile") else None,
                sorted(group.name for group in person.groups.all()),
                sorted(person.get_all_permissions()),
            ]
            for person in people
            if person.id in owners
        ],
    }
