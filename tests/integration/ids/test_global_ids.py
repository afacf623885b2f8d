"""New rows get the ids that control has for them, whoever inserts them and however."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from psycopg import sql

from migrations_tools.ids.models import CONTROL, ContentTypeName, PermissionName
from migrations_tools.ids.services.allocate import allocate_known
from migrations_tools.ids.services.recall import read_known, recall
from migrations_tools.ids.types import TypeName
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.services.reference import publish_reference
from sharding.schemas.names import REFERENCE, REFERENCE_OWNER
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM, install
from sharding.schemas.services.wrong_ids import wrong_ids
from tests.integration.ids.conftest import ids, make_place, owner


@pytest.fixture(scope="module")
def built(stack_ready):
    """A tenant on each shard, and a second one on the first."""
    places = [make_place(shard) for shard in ("alpha", "beta", "alpha")]
    for place in places:
        build_schema(place)
    return places


def is_global(id_):
    return GLOBAL_FROM <= id_ < LOCAL_FROM


def test_migrating_control_gives_ids_to_all_that_tenants_models_have(fleet):
    assert allocate_known(publish=False).is_empty
    known = read_known()
    assert TypeName("workspace", "ticket") in known.types
    type_id = known.types[TypeName("workspace", "ticket")]
    assert (type_id, "add_ticket") in known.permissions
    assert all(map(is_global, known.types.values()))
    assert all(map(is_global, known.permissions.values()))
    assert not {name.app_label for name in known.types} & {"ids", "tenants", "console"}


def test_tenants_of_all_shards_have_the_ids_of_control(built):
    here, there, beside = map(ids, built)
    assert here == there == beside
    types, permissions = here
    known = read_known()
    assert types == {str(name): id_ for name, id_ in known.types.items() if str(name) in types}
    assert types
    assert permissions
    assert all(map(is_global, permissions.values()))
    for place in built:
        with owner(place) as own:
            assert wrong_ids(own, place.schema) == ()


def test_without_its_trigger_a_schema_has_other_ids_and_that_is_told(built):
    """The negative control of the test above."""
    place = built[0]
    with owner(place) as own, pytest.raises(Undo), own.transaction():
        own.execute(in_schema("DROP TRIGGER global_id ON {}.django_content_type", place))
        added = own.execute(
            in_schema(
                "INSERT INTO {}.django_content_type (app_label, model) VALUES ('a', 'b')"
                " RETURNING id",
                place,
            )
        ).fetchone()
        assert added[0] >= LOCAL_FROM
        told = wrong_ids(own, place.schema)
        assert told == (
            "django_content_type has no trigger that gives new content types their ids",
        )
        raise Undo


class Undo(Exception):
    """Takes back what a test did."""


def in_schema(statement, place):
    return sql.SQL(statement).format(sql.Identifier(place.schema))


@pytest.fixture
def known_type(fleet):
    """A name that control knows and no tenant has; gone afterwards, there and on the shards."""
    allocated = ContentTypeName.objects.using(CONTROL).create(
        name="ids_tests.planted", content_type_id=GLOBAL_FROM + 900_000
    )
    permission = PermissionName.objects.using(CONTROL).create(
        name=f"{GLOBAL_FROM + 900_000}.plant", permission_id=GLOBAL_FROM + 900_000
    )
    publish_reference()
    yield GLOBAL_FROM + 900_000
    for row in (allocated, permission):
        type(row).objects.using(CONTROL).filter(pk=row.pk)._raw_delete(CONTROL)
    publish_reference()


def test_requests_get_global_ids_by_every_way_of_the_orm(built, known_type):
    """With the rights of web and of the tenant's role only."""
    for place in built:
        with scope.enter(place), transaction.atomic():
            made = ContentType.objects.create(app_label="ids_tests", model="planted")
            assert made.pk == known_type
            (permission,) = Permission.objects.bulk_create(
                [Permission(content_type=made, codename="plant", name="Can plant")]
            )
            assert permission.pk == known_type
            local = Permission.objects.create(content_type=made, codename="other", name="Other")
            assert local.pk >= LOCAL_FROM
            (strange,) = ContentType.objects.bulk_create(
                [ContentType(app_label="ids_tests", model="strange")]
            )
            assert strange.pk >= LOCAL_FROM
            assert ContentType.objects.get_by_natural_key("ids_tests", "planted").pk == known_type
            again, created = ContentType.objects.get_or_create(
                app_label="ids_tests", model="planted"
            )
            assert (again.pk, created) == (known_type, False)
            transaction.set_rollback(True)
        ContentType.objects.clear_cache()


def test_ids_that_are_given_stay(built, known_type):
    place = built[0]
    with scope.enter(place), transaction.atomic():
        assert ContentType.objects.create(pk=77, app_label="ids_tests", model="planted").pk == 77
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM django_content_type WHERE app_label = 'ids_tests'")
            assert cursor.fetchall() == [(77,)]
        transaction.set_rollback(True)
    copied = "COPY {}.django_content_type (id, app_label, model) FROM STDIN"
    with owner(place) as own, pytest.raises(Undo), own.transaction():
        with own.cursor() as cursor, cursor.copy(in_schema(copied, place)) as copy:
            copy.write_row((78, "ids_tests", "planted"))
        query = "SELECT id FROM {}.django_content_type WHERE app_label = 'ids_tests'"
        assert own.execute(in_schema(query, place)).fetchall() == [(78,)]
        raise Undo


def test_an_id_that_the_schema_uses_for_another_name_is_left_to_it(built, known_type):
    place = built[0]
    with scope.enter(place), transaction.atomic():
        ContentType.objects.create(pk=known_type, app_label="ids_tests", model="older")
        made = ContentType.objects.create(app_label="ids_tests", model="planted")
        assert made.pk >= LOCAL_FROM
        transaction.set_rollback(True)


def test_replication_s_apply_keeps_ids(built, known_type):
    """It runs as a replica, for which triggers of tables do not fire."""
    place = built[0]
    with owner(place) as own:
        (enabled,) = own.execute(
            "SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'global_id'"
            " AND tgrelid IN (%s::regclass, %s::regclass)",
            [f"{place.schema}.django_content_type", f"{place.schema}.auth_permission"],
        ).fetchall()
    assert enabled == ("O",)


def test_where_the_reference_tables_are_missing_ids_are_local_and_all_works(new_place):
    place = new_place()
    build_schema(place)
    with owner(place) as own, pytest.raises(Undo), own.transaction():
        own.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(REFERENCE_OWNER)))
        for table in ("ref_content_type_name", "ref_permission_name"):
            own.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(REFERENCE, table)))
        own.execute("RESET ROLE")
        made = own.execute(
            in_schema(
                "INSERT INTO {}.django_content_type (app_label, model) VALUES ('a', 'b')"
                " RETURNING id",
                place,
            )
        ).fetchone()
        assert made[0] >= LOCAL_FROM
        raise Undo


def test_installing_again_changes_nothing_and_puts_a_sequence_back(built):
    place = built[0]
    with owner(place) as own, pytest.raises(Undo), own.transaction():
        own.execute(in_schema("ALTER SEQUENCE {}.django_content_type_id_seq RESTART WITH 5", place))
        assert len(wrong_ids(own, place.schema)) == 1
        install(own.execute, place.schema)
        install(own.execute, place.schema)
        assert wrong_ids(own, place.schema) == ()
        raise Undo


def test_what_a_restored_control_has_forgotten_comes_back_from_the_shards(built):
    """Its next names would get ids that tenants use for others."""
    before = read_known()
    forgotten = sorted(before.types)[-3:]
    rows = ContentTypeName.objects.using(CONTROL).filter(pk__in=map(str, forgotten))
    rows._raw_delete(CONTROL)
    assert read_known() != before
    done = allocate_known(publish=False)
    assert (done.recalled, done.content_types) == (3, ())
    assert read_known() == before


def test_an_id_that_was_given_away_meanwhile_is_not_given_twice(built):
    before = read_known()
    (name, id_) = next(iter(before.types.items()))
    row = ContentTypeName.objects.using(CONTROL).get(pk=str(name))
    row_of_another = ContentTypeName(name="ids_tests.another", content_type_id=id_)
    ContentTypeName.objects.using(CONTROL).filter(pk=row.pk)._raw_delete(CONTROL)
    row_of_another.save(using=CONTROL)
    try:
        known = recall(read_known())
        assert name not in known.types
        assert list(known.types.values()).count(id_) == 1
    finally:
        ContentTypeName.objects.using(CONTROL).filter(pk="ids_tests.another")._raw_delete(CONTROL)
        row.save(using=CONTROL, force_insert=True)
    assert read_known() == before
