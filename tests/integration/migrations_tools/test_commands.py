"""Commands about migrations do the right thing on the right database, or say which one does."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from migrations_tools.services.build_schema import build_schema
from migrations_tools.services.control import ControlRequest, control_owner, migrate_control
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import set_placement_state
from sharding.placements.states import PlacementState
from sharding.placements.telling import Exit
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe


def run(*args: object, **options: object) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def ready_place(new_place):
    def make(shard: str = "alpha") -> scope.Placement:
        place = new_place(shard)
        build_schema(place)
        return set_placement_state(place.tenant_id, PlacementState.READY).to_scope()

    return make


def fall_behind(place: scope.Placement) -> None:
    """Put a schema back before workspace's first migration."""
    with own_connection(addresses.shard(place.shard)) as own:
        tables = own.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = %s AND tablename LIKE 'workspace%%'",
            [place.schema],
        ).fetchall()
        for (table,) in tables:
            own.execute(f"DROP TABLE {place.schema}.{table} CASCADE")
        own.execute(f"DELETE FROM {place.schema}.django_migrations WHERE app = 'workspace'")
        own.execute(
            "UPDATE atoll.tenant_schema SET digest = NULL, fingerprint = NULL WHERE schema = %s",
            [place.schema],
        )


def has_tickets(place: scope.Placement) -> bool:
    tables = describe(addresses.shard(place.shard), place.schema).tables
    return "workspace_ticket" in {table.name for table in tables}


def test_migrate_is_control_s_and_finds_nothing_to_do():
    assert run("migrate") == "Control is up to date (0 applied now).\n"
    assert run("migrate", plan=True) == "Nothing is pending on control.\n"
    assert run("migrate", "placements", check=True, verbosity=0)


def test_migrate_goes_back_and_forth_on_control_as_its_owner():
    before = list(Placement.objects.using("control").values_list("tenant_id", flat=True))
    assert migrate_control(ControlRequest("placements", plan_only=True)) == []
    assert migrate_control(ControlRequest("placements", "zero", plan_only=True))[-1] == (
        "-placements.0001_initial"
    )
    with control_owner() as owner, owner.cursor() as cursor:
        assert connections["control"] is owner
        cursor.execute("SELECT current_user, current_setting('is_superuser')")
        assert cursor.fetchone() == ("own", "off")
    with connections["control"].cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("web",)
    assert list(Placement.objects.using("control").values_list("tenant_id", flat=True)) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--database", "alpha"], "migrate_schemas --shard alpha"),
        (["workspace"], "migrated by `manage.py migrate_schemas`"),
        (["nonsense"], "has no tables in control"),
        (["placements", "9999"], "has no migration '9999'"),
    ],
)
def test_migrate_refuses_shards_and_tenants_apps_with_a_pointer(arguments, said):
    with pytest.raises(CommandError, match=said) as error:
        run("migrate", *arguments)
    assert error.value.returncode == 2


def test_migrate_schemas_brings_every_schema_to_the_code(ready_place):
    behind, level = [ready_place("alpha"), ready_place("beta")], ready_place("alpha")
    for place in behind:
        fall_behind(place)
    ids = [place.tenant_id for place in (*behind, level)]
    results = json.loads(
        run("migrate_schemas", "--json", *[f"--tenant={tenant_id}" for tenant_id in ids])
    )
    done = {result["tenant_id"]: result for result in results}
    for place in behind:
        assert "workspace.0001_initial" in done[place.tenant_id]["migrations"]
        assert has_tickets(place)
        assert describe(addresses.shard(place.shard), place.schema).lacks == ()
    assert done[level.tenant_id]["migrations"] == []
    assert not any(result["error"] for result in results)


def test_migrate_schemas_goes_on_after_one_that_fails_and_says_so(ready_place, new_place):
    broken, behind, half_made = ready_place(), ready_place(), new_place()
    for place in (broken, behind):
        fall_behind(place)
    with own_connection(addresses.shard(broken.shard)) as own:
        own.execute(f"CREATE TABLE {broken.schema}.workspace_ticket (id int)")
    places = (broken, behind, half_made)
    out = StringIO()
    with pytest.raises(CommandError, match=f"1 of 3 .*--tenant {broken.tenant_id}"):
        call_command(
            "migrate_schemas",
            "--json",
            *[f"--tenant={place.tenant_id}" for place in places],
            stdout=out,
            stderr=StringIO(),
        )
    done = {result["tenant_id"]: result for result in json.loads(out.getvalue())}
    assert "already exists" in done[broken.tenant_id]["error"]
    assert done[half_made.tenant_id]["skipped"] == ("it is half made; create_tenant finishes it")
    assert has_tickets(behind)
    assert not describe(addresses.shard(half_made.shard), half_made.schema).exists
    # What failed was rolled back whole, and the lease was given back.
    with lease(broken.tenant_id, "looking"):
        assert "workspace_comment" not in {
            table.name for table in describe(addresses.shard("alpha"), broken.schema).tables
        }


def test_a_tenant_whose_lease_is_held_is_reported_and_left_alone(ready_place):
    place = ready_place()
    fall_behind(place)
    with (
        lease(place.tenant_id, "moving"),
        pytest.raises(CommandError, match=f"1 of 1 .*--tenant {place.tenant_id}") as left,
    ):
        run("migrate_schemas", "--tenant", place.tenant_id)
    assert left.value.returncode == Exit.PAUSED
    assert not has_tickets(place)


def test_a_shard_that_is_down_is_reported_within_seconds(ready_place, fleet):
    here, there = ready_place("alpha"), ready_place("beta")
    fall_behind(there)
    fleet.stop_server("alpha")
    try:
        with pytest.raises(CommandError, match=f"1 of 2 .*--tenant {here.tenant_id}"):
            run("migrate_schemas", "--tenant", here.tenant_id, "--tenant", there.tenant_id)
    finally:
        fleet.start_server("alpha")
    assert has_tickets(there)


def test_migrate_schemas_shows_whom_it_would_take_and_refuses_who_is_not_there(ready_place):
    place = ready_place()
    fall_behind(place)
    assert place.tenant_id in run("migrate_schemas", "--tenant", place.tenant_id, "--dry-run")
    assert not has_tickets(place)
    with pytest.raises(
        CommandError, match=r"No such tenant id: tneverwas1.*show_tenant tneverwas1"
    ):
        run("migrate_schemas", "--tenant", "tneverwas1")
    with pytest.raises(CommandError, match="No such shard: gamma"):
        run("migrate_schemas", "--shard", "gamma")


def test_showmigrations_shows_control_s_or_those_of_the_tenant_in_scope(ready_place):
    control = run("showmigrations")
    assert "placements\n [X] 0001_initial" in control
    assert "workspace" not in control
    with scope.enter(ready_place()):
        tenant = run("showmigrations")
        assert "workspace\n [X] 0001_initial" in tenant
        assert "placements" not in tenant
        assert "workspace.0001_initial" in run("showmigrations", format="plan")
    with pytest.raises(CommandError, match="no app with migrations in control"):
        run("showmigrations", "workspace")


def test_sql_is_printed_for_the_right_database(ready_place):
    assert 'CREATE TABLE "placements_shard"' in run("sqlmigrate", "placements", "0001")
    assert '"placements_placement"' in run("sqlflush")
    with pytest.raises(CommandError, match="tenant_command sqlmigrate"):
        run("sqlmigrate", "workspace", "0001")
    place = ready_place()
    with scope.enter(place):
        assert 'CREATE TABLE "workspace_ticket"' in run("sqlmigrate", "workspace", "0001")
        printed = run("sqlflush")
        assert '"workspace_ticket"' in printed
        assert "placements" not in printed
        assert "class WorkspaceTicket" in run("inspectdb", "workspace_ticket")
    assert "class PlacementsShard" in run("inspectdb", "placements_shard")
    assert has_tickets(place)


def test_nothing_is_missing_from_the_migrations_and_no_shard_is_asked(fleet):
    fleet.stop_server("alpha")
    try:
        said = run("makemigrations", "placements", "workspace", check=True, dry_run=True)
    finally:
        fleet.start_server("alpha")
    assert "No changes detected" in said


def test_squashing_reads_the_files(tmp_path):
    with pytest.raises(CommandError, match="Cannot find a migration matching '0099'"):
        run("squashmigrations", "workspace", "0099", interactive=False)
