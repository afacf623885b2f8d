"""`python -m … prepare` makes the shared tables and people; `make ROWS SCHEMA…` tenants with
books; `read SCHEMA…` prints what their code reads; `makemigrations` writes those of the two apps.
"""

import json
import sys

import django

PEOPLE = ("anna", "bert", "cleo", "nobody")


def prepare() -> None:
    """Shared tables; people with groups, permissions and profiles."""
    from django.contrib.auth.models import Group, Permission
    from django.core.management import call_command

    from tests.integration.adoption.people.models import Person, Profile

    call_command("migrate_schemas", shared=True, verbosity=0)
    from tests.benchmarks.peers.models import Client

    Client.objects.create(schema_name="public", name="public")
    group = Group.objects.create(name="librarians")
    Group.objects.create(name="of nobody here")
    group.permissions.add(*Permission.objects.filter(content_type__app_label="people"))
    for name in PEOPLE:
        person = Person.objects.create_user(name, f"{name}@old.example", "correct-horse")
        Profile.objects.create(person=person, motto=f"{name} reads")
        person.groups.add(group)
    anna = Person.objects.get(username="anna")
    anna.user_permissions.add(Permission.objects.get(codename="add_person"))


def make(schema: str, rows: int) -> None:
    """A tenant whose books belong to anna and to one of the others."""
    from django_tenants.utils import tenant_context

    from tests.benchmarks.peers.models import Client
    from tests.integration.adoption.people.models import Person

    client = Client(schema_name=schema, name=schema)
    client.save(verbosity=0)
    anna = Person.objects.get(username="anna")
    other = Person.objects.get(username="bert" if schema.endswith("a") else "cleo")
    with tenant_context(client):
        _fill(schema, rows, anna, other)


def _fill(schema: str, rows: int, anna: object, other: object) -> None:
    from django.contrib.contenttypes.models import ContentType

    from tests.integration.adoption.stock.models import Book, Label, Shelf

    ContentType.objects.clear_cache()
    shelves = Shelf.objects.bulk_create(Shelf(name=f"{schema} {n}") for n in range(10))
    books = Book.objects.bulk_create(
        [
            Book(
                title=f"{schema} {n}",
                shelf=shelves[n % 10],
                owner=anna if n % 2 else None,
                reader=other if n % 3 == 0 else None,
            )
            for n in range(rows)
        ],
        batch_size=5000,
    )
    of_book = ContentType.objects.get_for_model(Book)
    of_shelf = ContentType.objects.get_for_model(Shelf)
    Label.objects.bulk_create(
        [
            *(Label(word="read", content_type=of_book, object_id=book.id) for book in books),
            *(Label(word="full", content_type=of_shelf, object_id=one.id) for one in shelves),
        ],
        batch_size=5000,
    )


def read(*schemas: str) -> None:
    """Print it as JSON, by schema."""
    from django.contrib.contenttypes.models import ContentType
    from django_tenants.utils import schema_context

    from tests.integration.adoption import reading

    told = {}
    for schema in schemas:
        with schema_context(schema):
            ContentType.objects.clear_cache()
            told[schema] = reading.read()
    print(json.dumps(told))


def main(what: str, *words: str) -> None:
    """Do one of them."""
    django.setup()
    if what == "prepare":
        prepare()
    elif what == "make":
        for schema in words[1:]:
            make(schema, int(words[0]))
    elif what == "makemigrations":
        from django.core.management import call_command

        call_command("makemigrations", *words)
    else:
        read(*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
