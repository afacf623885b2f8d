"""The image of the installed apps: a schema that is made of it is what Django's migrate makes.

Under `settings_all` these are all of wagtail, allauth, DRF and oauth-toolkit.
"""

import pytest
from django.apps import apps
from django.db.migrations.executor import MigrationExecutor
from django.db.models import signals
from psycopg import sql

from migrations_tools.images.models import Image
from migrations_tools.images.services.build_image import build_image
from migrations_tools.services.build_schema import build_schema
from migrations_tools.states import tenant_labels, wanted_state
from sharding.schemas.services.fingerprint import differences
from tests.integration.replay.inside.ground import make_empty, measure, new_place, own, owner, shape

pytestmark = pytest.mark.slow

CONTENTS = """
    SELECT c.relname, c.relkind::text FROM pg_class c
    WHERE c.relnamespace = quote_ident(%s)::regnamespace AND c.relkind IN ('r', 'p', 'S')
      AND c.relname NOT IN ('write_permit', 'heartbeat', 'django_migrations')
    ORDER BY c.relname
"""
# What each schema draws for itself: see ATOLL_IMAGE_EXPRESSIONS.
ROWS = "SELECT (to_jsonb(t) - 'translation_key')::text FROM {} t ORDER BY 1"
COUNTER = "SELECT last_value, is_called FROM {}"
MIGRATIONS = "SELECT app, name FROM {}.django_migrations ORDER BY 1, 2"
TOKENS = "SELECT translation_key FROM {}.wagtailcore_page"


def contents(place):
    """Every row of every table, and where every sequence stands."""
    found = {}
    with own() as raw:
        for name, kind in raw.execute(CONTENTS, (place.schema,)).fetchall():
            query = sql.SQL(COUNTER if kind == "S" else ROWS)
            found[name] = raw.execute(query.format(sql.Identifier(place.schema, name))).fetchall()
    return found


def ask(place, query):
    with own() as raw:
        return raw.execute(sql.SQL(query).format(sql.Identifier(place.schema))).fetchall()


def migrate_as_django_does(place):
    """Stock Django's executor and signals, for the apps that tenants have."""
    make_empty(place)
    with owner(place) as connection:
        labels = tenant_labels()
        executor = MigrationExecutor(connection)
        leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] in labels]
        plan = executor.migration_plan(leaves)
        before = executor._create_project_state(with_applied_migrations=True)
        facts = {"verbosity": 0, "interactive": False, "using": connection.alias, "plan": plan}
        send(signals.pre_migrate, labels, apps=before.apps, **facts)
        executor.migrate(leaves, plan=plan)
        send(signals.post_migrate, labels, apps=apps, **facts)


def send(signal, labels, **facts):
    for config in apps.get_app_configs():
        if config.label in labels and config.models_module is not None:
            signal.send(sender=config, app_config=config, **facts)


@pytest.fixture(scope="module")
def image():
    receipt = build_image()
    assert receipt.refused == ()
    return Image.objects.using("control").get(digest=wanted_state().digest)


@pytest.fixture(scope="module")
def made(image):
    """Two tenants from the image."""
    places = new_place(), new_place()
    for place in places:
        assert build_schema(place).from_image
    return places


def test_a_schema_of_the_image_is_what_django_s_own_migrate_makes(image, made):
    by_django = new_place()
    migrate_as_django_does(by_django)
    one, _ = made

    assert differences(shape(by_django), shape(one)) == ()
    assert contents(by_django) == contents(one)
    assert ask(by_django, MIGRATIONS) == ask(one, MIGRATIONS)
    assert measure(by_django).fingerprint == image.fingerprint


def test_what_each_tenant_draws_is_its_own_and_all_else_is_the_same(made):
    one, other = made

    assert contents(one) == contents(other)
    if apps.is_installed("wagtail"):
        tokens = {token for place in made for token in ask(place, TOKENS)}
        assert len(tokens) == sum(len(ask(place, TOKENS)) for place in made) > 2
