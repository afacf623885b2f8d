"""An adopted tenant reads what it read before, and nothing of anybody else's."""

import json

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction

from migrations_tools.states import wanted_state
from sharding import scope
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.wrong_ids import wrong_ids
from tenants.adoption.errors import CannotAdopt, NothingToAdopt, SchemaInUse
from tenants.adoption.services.adopt import adopt_tenant, plan_adoption
from tenants.adoption.types import AdoptionRequest
from tenants.errors import SlugTaken, UnknownSlug
from tenants.services.drift import check_tenants
from tenants.services.finding import find_tenant
from tests.integration.adoption import reading
from tests.integration.adoption.people.models import Person
from tests.integration.adoption.stock.models import Book


def request_for(legacy, schema, **facts):
    slug = f"{schema}-{legacy.shard}"
    return AdoptionRequest(slug=slug, shard=legacy.shard, schema=schema, **facts)


@pytest.fixture(scope="module", params=["shared", pytest.param("own", marks=pytest.mark.slow)])
def project(request, legacy, old_projects):
    """Whether content types are shared, or each tenant's own; both are found in the wild."""
    return legacy if request.param == "shared" else old_projects("own")


@pytest.fixture(scope="module")
def before(project):
    return project.before["olda"]


@pytest.fixture(scope="module")
def adopted(project, before):
    return adopt_tenant(request_for(project, "olda"), project.admin)


@pytest.fixture
def place(adopted):
    return get_placement(adopted.tenant_id).to_scope()


def test_the_new_tenant_reads_what_the_old_one_read(adopted, place, before):
    with scope.enter(place):
        assert json.loads(json.dumps(reading.read())) == before
    assert len(before["books"]) == 60
    assert any(labels for *_, labels in before["books"])


def test_only_its_own_people_came_along(adopted, place):
    with scope.enter(place):
        assert set(Person.objects.values_list("username", flat=True)) == {"anna", "bert"}
        anna = Person.objects.get(username="anna")
        assert anna.profile.motto == "anna reads"
        assert anna.check_password("correct-horse")
        assert anna.has_perm("people.add_person")
        assert [group.name for group in anna.groups.all()] == ["librarians"]
    assert adopted.taken.copied["people_person"] == 2
    assert adopted.taken.staying["people_person"] == 2


def test_it_is_a_tenant_like_any_other(adopted, place):
    server = addresses.shard(place.shard)
    assert describe(server, place.schema).lacks == ()
    with own_connection(server) as connection:
        marker = read_marker(connection, place.schema)
        assert wrong_ids(connection, place.schema) == ()
    assert marker is not None
    assert marker.digest == wanted_state().digest
    assert "stock.0002_book_by_shelf" in adopted.migrated
    assert adopted.differs == ()
    assert check_tenants(tenants=[adopted.slug], full=True).report.findings == ()


def test_new_rows_get_ids_that_are_free_and_guards_hold(adopted, place):
    with scope.enter(place):
        with transaction.atomic():
            person = Person.objects.create_user("dora", password="correct-horse")
            book = Book.objects.create(title="new", shelf_id=1, owner=person)
            book.labels.create(word="new")
            types = {one.id for one in ContentType.objects.filter(app_label="stock")}
            transaction.set_rollback(True)
        assert all(GLOBAL_FROM <= one < LOCAL_FROM for one in types)
        with pytest.raises(IntegrityError), transaction.atomic():
            Book.objects.create(title="of nobody", shelf_id=1, owner_id=987654)


def test_the_old_application_has_no_rights_left(adopted, place, project):
    environment = project.environment
    with psycopg.connect(
        host=environment["LEGACY_HOST"],
        port=environment["LEGACY_PORT"],
        dbname=environment["LEGACY_NAME"],
        user="old_app",
        password="old",
        autocommit=True,
    ) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f'SELECT * FROM "{place.schema}".stock_book')


def test_the_neighbour_that_was_not_adopted_works_as_before(legacy):
    adopt_tenant(request_for(legacy, "olda"), legacy.admin)
    read = legacy.read("oldb")
    assert len(read["books"]) == 60
    assert {person[1] for person in read["people"]} == {"anna", "cleo"}


def test_the_same_request_changes_nothing_and_another_one_is_refused(adopted, project):
    again = adopt_tenant(request_for(project, "olda"), project.admin)
    assert (again.adopted, again.tenant_id) == (False, adopted.tenant_id)
    with pytest.raises(SlugTaken):
        adopt_tenant(
            AdoptionRequest(slug=adopted.slug, shard=project.shard, schema="oldb"), project.admin
        )


def test_people_whom_nothing_refers_to_come_when_they_are_named(legacy):
    request = request_for(legacy, "oldb", also=(("people_person", "username = 'nobody'"),))
    provision, plan = plan_adoption(request, legacy.admin)
    assert plan is not None
    assert plan.problems == ()
    assert "people_person" in plan.from_shared
    assert provision.tenant_id == "", "a plan claims nothing"

    receipt = adopt_tenant(request, legacy.admin)

    with scope.enter(get_placement(receipt.tenant_id).to_scope()):
        names = set(Person.objects.values_list("username", flat=True))
    assert names == {"anna", "cleo", "nobody"}


PLANTED = {
    "view over shared tables": (
        "CREATE VIEW oldc.everybody AS SELECT username FROM public.people_person",
        "DROP VIEW oldc.everybody",
        "everybody needs table public.people_person",
    ),
    "function that names its schema": (
        (
            "CREATE FUNCTION oldc.f() RETURNS bigint LANGUAGE sql AS "
            "'SELECT count(*) FROM oldc.stock_book'"
        ),
        "DROP FUNCTION oldc.f()",
        "names the schema itself",
    ),
    "default from outside": (
        (
            "CREATE SEQUENCE public.s; ALTER TABLE oldc.stock_shelf "
            "ADD COLUMN n bigint DEFAULT nextval('public.s')"
        ),
        "ALTER TABLE oldc.stock_shelf DROP COLUMN n; DROP SEQUENCE public.s",
        "needs sequence public.s",
    ),
    "trigger function outside": (
        (
            "CREATE FUNCTION public.t() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON oldc.stock_shelf "
            "FOR EACH ROW EXECUTE FUNCTION public.t()"
        ),
        "DROP TRIGGER t ON oldc.stock_shelf; DROP FUNCTION public.t()",
        "needs function public.t()",
    ),
    "key to a table of no tenant's model": (
        (
            "CREATE TABLE public.plan (id int PRIMARY KEY); ALTER TABLE oldc.stock_shelf ADD "
            "COLUMN plan int REFERENCES public.plan"
        ),
        "ALTER TABLE oldc.stock_shelf DROP COLUMN plan; DROP TABLE public.plan",
        "which no model of a tenant's app is stored in",
    ),
    "key into another tenant": (
        (
            "CREATE SCHEMA other; CREATE TABLE other.x (id int PRIMARY KEY); "
            "ALTER TABLE oldc.stock_shelf ADD COLUMN x int REFERENCES other.x"
        ),
        "ALTER TABLE oldc.stock_shelf DROP COLUMN x; DROP SCHEMA other CASCADE",
        "in another schema",
    ),
    "unlogged table": (
        "CREATE UNLOGGED TABLE oldc.u (id int)",
        "DROP TABLE oldc.u",
        "u is an unlogged table",
    ),
    "a table of ours": (
        "CREATE TABLE oldc.heartbeat (id int)",
        "DROP TABLE oldc.heartbeat",
        "has a name that is taken here",
    ),
    "an older shared table": (
        (
            "DELETE FROM oldc.django_migrations WHERE app = 'people' OR "
            "app = 'auth' AND name LIKE '0012%'"
        ),
        (
            "INSERT INTO oldc.django_migrations (app, name, applied) VALUES "
            "('people', '0001_initial', now()), "
            "('auth', '0012_alter_user_first_name_max_length', now())"
        ),
        "Run this release's migrations with django-tenants first",
    ),
}


@pytest.mark.parametrize("plant", sorted(PLANTED))
def test_what_would_break_is_named_and_nothing_is_changed(plant, legacy):
    put, away, words = PLANTED[plant]
    request = request_for(legacy, "oldc")
    assert plan_adoption(request, legacy.admin)[1].problems == ()
    legacy.sql(put)
    try:
        with pytest.raises(CannotAdopt, match=words):
            adopt_tenant(request, legacy.admin)
    finally:
        legacy.sql(away)
    with pytest.raises(UnknownSlug):
        find_tenant(request.slug)
    assert legacy.still_has("oldc") == 60


def test_a_schema_that_somebody_works_with_is_left_as_it_is(legacy):
    request = request_for(legacy, "oldc")
    with psycopg.connect(legacy.conninfo) as busy:
        busy.execute("UPDATE oldc.stock_book SET title = title")
        with pytest.raises(SchemaInUse):
            adopt_tenant(request, legacy.admin)
        busy.rollback()
    assert legacy.still_has("oldc") == 60
    assert adopt_tenant(request, legacy.admin).adopted, "the same command finishes it"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("nothing-here", "there is no such schema"),
        ("public", "belongs to the platform"),
        ("pg_catalog", "belongs to the platform"),
        ("atoll", "belongs to the platform"),
    ],
)
def test_what_is_no_old_schema_is_refused(schema, words, legacy):
    request = AdoptionRequest(slug="not-there", shard=legacy.shard, schema=schema)
    with pytest.raises(NothingToAdopt, match=words):
        adopt_tenant(request, legacy.admin)
