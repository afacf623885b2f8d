"""Schemas that are older than global ids get them, with all rows that refer to them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from psycopg import errors, sql

from accounts.models import User
from migrations_tools.ids.services.renumber import renumber
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.registry import current as addresses
from sharding.schemas.connections import Patience, own_connection
from sharding.schemas.errors import GlobalIdsUnknown
from sharding.schemas.names import REFERENCE_OWNER
from sharding.schemas.services import renumber as schemas
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM
from sharding.schemas.services.renumber import Column, GenericColumn, Holders
from sharding.schemas.services.wrong_ids import wrong_ids
from tests.integration.ids.conftest import build_as_before, ids, ids_by, make_place, owner

TABLES = """
    CREATE TABLE {0}.tagged (
        content_type_id integer NOT NULL
            REFERENCES {0}.django_content_type DEFERRABLE INITIALLY DEFERRED,
        object_id bigint NOT NULL,
        UNIQUE (content_type_id, object_id)
    );
    CREATE TABLE {0}.loose (type_id integer, permission_id integer, note text);
    CREATE TABLE {0}.log (content_type_id integer, object_id text);
    INSERT INTO {0}.tagged SELECT id, n FROM {0}.django_content_type, generate_series(1, 20) n;
    INSERT INTO {0}.loose
        SELECT content_type_id, id, codename || content_type_id FROM {0}.auth_permission;
    INSERT INTO {0}.loose VALUES (7777, 8888, 'nobody''s'), (NULL, NULL, 'empty');
    INSERT INTO {0}.log
        SELECT (SELECT id FROM {0}.django_content_type WHERE model = 'contenttype'), id
        FROM {0}.django_content_type;
    INSERT INTO {0}.log
        SELECT (SELECT id FROM {0}.django_content_type WHERE model = 'permission'), id
        FROM {0}.auth_permission;
    INSERT INTO {0}.log
        SELECT (SELECT id FROM {0}.django_content_type WHERE model = 'user'), '1'
"""
HOLDERS = Holders(
    types=(Column("loose", "type_id"), Column("not_there", "type_id"), Column("log", "gone")),
    permissions=(Column("loose", "permission_id"),),
    generic=(
        GenericColumn("log", "content_type_id", "object_id"),
        GenericColumn("not_there", "content_type_id", "object_id"),
    ),
)
# All that refers to types and permissions, by their names.
MEANING = """
    SELECT 'tagged', t.app_label || t.model, object_id::text, ''
    FROM {0}.tagged JOIN {0}.django_content_type t ON t.id = content_type_id
    UNION ALL
    SELECT 'loose', t.app_label || t.model, p.codename,
           (p.content_type_id = t.id AND note LIKE p.codename || '%%')::text
    FROM {0}.loose JOIN {0}.django_content_type t ON t.id = type_id
    JOIN {0}.auth_permission p ON p.id = permission_id
    UNION ALL
    SELECT 'strange', note, type_id::text, permission_id::text
    FROM {0}.loose WHERE type_id IS NULL OR type_id = 7777
    UNION ALL
    SELECT 'log', t.model, coalesce(meant.app_label || meant.model, permission.codename, object_id),
           ''
    FROM {0}.log JOIN {0}.django_content_type t ON t.id = content_type_id
    LEFT JOIN {0}.django_content_type meant
        ON t.model = 'contenttype' AND meant.id::text = object_id
    LEFT JOIN {0}.auth_permission permission
        ON t.model = 'permission' AND permission.id::text = object_id
    ORDER BY 1, 2, 3, 4
"""


def in_schema(statement, place):
    return sql.SQL(statement).format(sql.Identifier(place.schema))


def meaning(own, place):
    return own.execute(in_schema(MEANING, place)).fetchall()


@pytest.fixture(scope="module")
def make_with_rows(stack_ready):
    """Makes tenants of an older release, with rows of all kinds that refer to their ids."""

    def make():
        place = make_place()
        build_as_before(place)
        with scope.enter(place), transaction.atomic():
            group = Group.objects.create(name="Writers")
            group.permissions.set(Permission.objects.filter(codename__startswith="add_"))
            user = User.objects.create(email="a@example.com")
            user.groups.add(group)
            user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        with owner(place) as own:
            own.execute(in_schema(TABLES, place))
        return place

    return make


@pytest.fixture(scope="module")
def older(make_with_rows):
    """One that tests share: what they change they take back."""
    return make_with_rows()


@pytest.fixture
def own(older):
    with owner(older) as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture(scope="module")
def newer(stack_ready):
    place = make_place()
    build_schema(place)
    return place


def test_an_older_schema_gets_all_ids_and_means_what_it_meant(make_with_rows, newer):
    place = make_with_rows()
    stock, rights = ids(place), rights_of(place)
    assert max(*stock[0].values(), *stock[1].values()) < GLOBAL_FROM
    with owner(place) as own:
        before = meaning(own, place)
        assert any(what == "log" for what, *_ in before)
        assert len(wrong_ids(own, place.schema)) > len(stock[0]) + len(stock[1])
        done = schemas.renumber(own, place.schema, HOLDERS)
        assert wrong_ids(own, place.schema) == ()
        assert meaning(own, place) == before
    assert (done.content_types, done.permissions) == (len(stock[0]), len(stock[1]))
    assert done.local == ()
    assert done.rows > 20 * len(stock[0])
    assert ids(place) == ids(newer)
    assert rights_of(place) == rights != set()


def rights_of(place):
    with scope.enter(place):
        return User.objects.get(email="a@example.com").get_all_permissions()


def test_a_second_run_only_looks(own, older):
    schemas.renumber(own, older.schema, HOLDERS)
    before = ids_by(own, older), meaning(own, older)
    again = schemas.renumber(own, older.schema, HOLDERS)
    assert (again.is_empty, again.rows) == (True, 0)
    assert (ids_by(own, older), meaning(own, older)) == before


def test_without_the_columns_that_only_models_know_these_are_left_behind(own, older):
    """The negative control: the catalogue's keys are not all."""
    before = meaning(own, older)
    schemas.renumber(own, older.schema, Holders())
    assert meaning(own, older) != before


def test_afterwards_the_structure_is_that_of_a_new_schema(own, older, newer):
    for table in ("tagged", "loose", "log"):
        own.execute(in_schema(f"DROP TABLE {{}}.{table}", older))
    wanted = fingerprint(own, newer.schema)
    assert fingerprint(own, older.schema) != wanted
    renumber(own, older.schema)
    assert fingerprint(own, older.schema) == wanted


def test_names_that_control_does_not_know_get_local_ids(own, older, newer):
    own.execute(
        in_schema("UPDATE {}.django_content_type SET model = 'odd' WHERE model = 'ticket'", older)
    )
    done = schemas.renumber(own, older.schema, HOLDERS)
    assert wrong_ids(own, older.schema) == ()
    types, permissions = ids_by(own, older)
    assert types["workspace.odd"] >= LOCAL_FROM
    assert permissions["workspace.odd add_ticket"] >= LOCAL_FROM
    assert types["workspace.comment"] == ids(newer)[0]["workspace.comment"]
    assert "workspace.odd" in done.local


def test_ids_that_changed_places_are_put_right(own, older, newer):
    schemas.renumber(own, older.schema, HOLDERS)
    for old, new in (("ticket", "parked"), ("comment", "ticket"), ("parked", "comment")):
        own.execute(
            in_schema("UPDATE {}.django_content_type SET model = %s WHERE model = %s", older),
            (new, old),
        )
    before = meaning(own, older)
    assert wrong_ids(own, older.schema)
    done = schemas.renumber(own, older.schema, HOLDERS)
    assert done.content_types == 2
    assert ids_by(own, older)[0] == ids(newer)[0]
    assert meaning(own, older) == before


def test_a_key_that_would_lead_nowhere_takes_all_of_it_back(own, older):
    """A key of a table that nobody told of, and that is checked at once: nothing is half done."""
    for statement in (
        "CREATE TABLE {0}.strict (t integer REFERENCES {0}.django_content_type (id))",
        "INSERT INTO {0}.strict SELECT id FROM {0}.django_content_type LIMIT 1",
    ):
        own.execute(in_schema(statement, older))
    before = ids_by(own, older), meaning(own, older)
    with pytest.raises(errors.ForeignKeyViolation):
        schemas.renumber(own, older.schema, HOLDERS)
    assert (ids_by(own, older), meaning(own, older)) == before


def test_where_the_shard_knows_no_ids_nothing_is_changed(own, older):
    before = ids_by(own, older)
    own.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(REFERENCE_OWNER)))
    own.execute("DROP TABLE reference.ref_permission_name")
    own.execute("RESET ROLE")
    with pytest.raises(GlobalIdsUnknown, match="publish_reference"):
        schemas.renumber(own, older.schema, HOLDERS)
    assert ids_by(own, older) == before


def test_whoever_holds_a_row_for_too_long_is_not_waited_for(own, older):
    server = addresses.shard(older.shard)
    brief = Patience(statement=timedelta(seconds=5), lock=timedelta(milliseconds=200))
    own.execute(in_schema("SELECT FROM {}.tagged LIMIT 1 FOR UPDATE", older))
    before = ids(older)
    with own_connection(server, brief) as other, pytest.raises(errors.LockNotAvailable):
        schemas.renumber(other, older.schema, HOLDERS)
    assert ids(older) == before
