"""What a build does besides Django's migrations."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from migrations_tools.errors import SchemaBusy, SchemaClosed
from migrations_tools.services import build_schema as module
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.placing import get_placement, set_placement_state
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.types import Guard, Phase
from tests.integration.migrations_tools.conftest import shape


def described(place):
    return describe(addresses.shard(place.shard), place.schema)


def test_a_built_schema_is_furnished_open_and_of_its_placement_s_epoch(new_place):
    place = new_place()
    built = build_schema(place)
    assert built.created
    assert "workspace.0001_initial" in built.migrations
    found = described(place)
    assert found.lacks == ()
    assert {table.guard for table in found.tables} == {Guard.DISARMED}
    assert "django_migrations" in {table.name for table in found.tables}
    marker = found.marker
    assert (marker.phase, marker.epoch, marker.digest) == (Phase.ACTIVE, place.epoch, built.digest)


def test_building_again_changes_nothing(new_place):
    place = new_place()
    first, before = build_schema(place), shape(place)
    again = build_schema(place)
    assert (again.created, again.migrations, again.digest) == (False, (), first.digest)
    assert shape(place) == before


def test_tables_types_and_permissions_are_those_of_tenants_apps_only(new_place):
    place = new_place()
    build_schema(place)
    tables = {table.name for table in described(place).tables}
    assert {"workspace_ticket", "accounts_user", "django_session"} <= tables
    assert not {name for name in tables if name.startswith(("placements_", "tenants_", "console_"))}
    with scope.enter(place):
        assert set(ContentType.objects.values_list("app_label", flat=True)) == {
            "accounts",
            "auth",
            "contenttypes",
            "outbox",
            "sessions",
            "workspace",
        }
        assert Permission.objects.filter(codename="add_ticket").count() == 1


def test_a_run_that_was_cut_off_before_post_migrate_is_made_good(new_place):
    place = new_place()
    build_schema(place)
    with own_connection(addresses.shard(place.shard)) as own:
        own.execute(f"DELETE FROM {place.schema}.auth_permission")
        own.execute(f"DELETE FROM {place.schema}.django_content_type")
    build_schema(place)
    with scope.enter(place):
        models = list(apps.get_app_config("workspace").get_models())
        own = Permission.objects.filter(content_type__app_label="workspace")
        assert own.count() == 4 * len(models)


def test_two_tenants_on_two_shards_get_the_same_and_share_nothing(new_place):
    here, there, beside = new_place("alpha"), new_place("beta"), new_place("alpha")
    for place in (here, there, beside):
        build_schema(place)
    assert shape(here) == shape(there) == shape(beside)
    for turn, place in enumerate((here, there, beside, here, there, beside)):
        with scope.enter(place):
            get_user_model().objects.create(email=f"p{turn}@example.com")
    for place in (here, there, beside):
        with scope.enter(place):
            assert get_user_model().objects.count() == 2


def test_after_a_build_the_thread_works_as_web_again(new_place):
    place = new_place()
    build_schema(place)
    assert scope.current() is None
    with scope.enter(place), connection.cursor() as cursor:
        cursor.execute("SELECT session_user, current_user, current_setting('is_superuser')")
        assert cursor.fetchone() == ("web", place.role, "off")
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("CREATE TABLE mine ()")


def test_a_build_inside_a_transaction_of_its_shard_is_refused_unchanged(new_place):
    place, other = new_place(), new_place()
    build_schema(place)
    with scope.enter(place), transaction.atomic(), pytest.raises(scope.OpenTransaction):
        build_schema(other)
    assert not {table.name for table in described(other).tables}


@pytest.mark.parametrize("phase", [Phase.FENCED, Phase.SEALED, Phase.TOMBSTONE])
def test_a_closed_schema_is_left_closed(new_place, phase):
    place = new_place()
    build_schema(place)
    server = addresses.shard(place.shard)
    with own_connection(server) as own:
        set_phase(own, place.schema, phase)
        before = shape(place)
        with pytest.raises(SchemaClosed, match=f"is {phase} and takes no migrations"):
            build_schema(place)
        assert read_marker(own, place.schema).phase is phase
    assert shape(place) == before


def test_who_finds_another_builder_at_work_gives_up_in_time(new_place, monkeypatch):
    place = new_place()
    build_schema(place)
    monkeypatch.setattr(module, "WAIT_FOR_OTHERS", timedelta(milliseconds=100))
    with own_connection(addresses.shard(place.shard)) as own:
        own.execute(
            "SELECT pg_advisory_lock(hashtext('atoll.build_schema'), hashtext(%s))", (place.schema,)
        )
        with pytest.raises(SchemaBusy):
            build_schema(place)
    assert build_schema(place).migrations == ()


def ready(place) -> Placement:
    build_schema(place)
    return set_placement_state(place.tenant_id, PlacementState.READY)


def test_the_marker_follows_the_epoch_when_it_is_built_again(new_place):
    place = new_place()
    ready(place)
    now = get_placement(place.tenant_id).to_scope()
    assert now.epoch == place.epoch + 1
    build_schema(now)
    assert described(now).marker.epoch == now.epoch
