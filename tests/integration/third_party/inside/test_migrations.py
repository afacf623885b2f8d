"""The apps' own migrations make their tables in every tenant, furnished, and nowhere else."""

import pytest
from django.apps import apps
from django.db import connection, connections

from migrations_tools.services.build_schema import build_schema
from sharding import scope

APPS = ("sites", "taggit", "authtoken", "account", "shelf")

_TABLES = """
    SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()
"""
_WITHOUT_GUARD = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r'
      AND c.relname NOT IN ('write_permit', 'heartbeat')
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid
                      AND t.tgname = 'zz_atoll_guard')
"""


def their_tables():
    return {
        model._meta.db_table
        for label in APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def test_every_table_is_there_and_guarded(places):
    for place in places:
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute(_TABLES)
            assert their_tables() <= {name for (name,) in cursor.fetchall()}
            cursor.execute(_WITHOUT_GUARD, [place.schema])
            assert cursor.fetchall() == []


def test_control_has_none_of_them(places):
    found = set(connections["control"].introspection.table_names())
    assert not their_tables() & found


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_building_again_finds_nothing_to_do(places, turn):
    built = build_schema(places[turn])

    assert built.migrations == ()
    assert not built.created
