"""Schemas on the servers of the run that started this one."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connections

from migrations_tools.services.build_schema import build_schema
from tests.integration.replay.inside.ground import (
    Trio,
    measure,
    migration,
    new_place,
    tables_of,
    written,
)

if not settings.SETTINGS_MODULE.startswith("tests.integration.replay."):
    # Part of the whole run, with the product's own apps: test_replay.py runs these.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def _databases(django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()


@pytest.fixture(scope="session")
def _trio() -> Trio:
    places = [new_place() for _ in range(3)]
    for place in places:
        build_schema(place)
        measure(place)
    return Trio(*places, tables=tables_of(places[0]))


@pytest.fixture
def trio(_trio) -> Iterator[Trio]:
    """Three equal schemas, without anything of the app whose migrations tests write."""
    yield _trio
    _trio.forget()


@pytest.fixture
def write(tmp_path):
    """`with write((name, operations), …)`: these are the app's migrations inside the block."""

    def begin(*given):
        return written(
            tmp_path,
            *(
                (name, migration(name, what) if isinstance(what, list | tuple) else what)
                for name, what in given
            ),
        )

    return begin
