"""What is planted into real shards is found there, and what the finding names mends it."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from migrations_tools.drift.errors import NotLeftOver, OpenElsewhere
from migrations_tools.drift.services.check import DriftRequest, check_drift
from migrations_tools.drift.services.left_over import LeftOver, drop_left_over, find_left_over
from migrations_tools.drift.services.measure import measure
from migrations_tools.drift.services.mend import mend_schema, plan_mending
from sharding.placements.models import Placement
from sharding.placements.services.leases import lease
from sharding.placements.services.reserving import new_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.describe import describe
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import drop_role, make_roles
from tests.integration.drift.conftest import found, kinds

KILL_OWN = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE usename = 'own' AND application_name = 'atoll schemas'
"""


def open_copy(shard: str, schema: str) -> None:
    server = addresses.shard(shard)
    make_roles(server, [schema])
    create_schema(server, schema)
    with own_connection(server) as connection:
        open_schema(connection, schema, epoch=2)


@pytest.fixture
def stray():
    """A schema with its role on alpha, of an id that nobody has given out."""
    schema = new_tenant_id()
    open_copy("alpha", schema)
    yield schema
    drop_schema(addresses.shard("alpha"), schema)
    drop_role(addresses.shard("alpha"), schema)


def test_tenants_as_they_are_made_have_nothing_that_differs(ann, cyd):
    for tenant in (ann, cyd):
        assert found(tenant) == []
        assert found(tenant, full=True) == []


def mend(*words: str) -> str:
    out = io.StringIO()
    call_command("mend_schema", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_table_made_by_hand_is_unguarded_until_its_schema_is_mended(ann, bob, superuser):
    mend_schema(ann)  # marks the structure as it is
    table = f"{ann}.by_hand"
    superuser("alpha", f"CREATE TABLE {table} (id int)", f"ALTER TABLE {table} OWNER TO own")
    (finding,) = found(ann)
    assert finding.kind == "table.unguarded"
    assert "by_hand" in finding.what
    assert finding.mend == f"manage.py mend_schema {ann}"
    *rest, changed = found(ann, full=True)
    assert kinds([*rest, changed]) == ["table.unguarded", "furniture.wrong", "structure.changed"]
    # Beside bob, or a tenant of another test on the same shard.
    assert re.search(r"Beside t\w+: column by_hand\.id should not be there\.", changed.what)
    assert found(bob) == []

    plan = plan_mending(ann)
    assert (plan.guarded, plan.remarked) == (("by_hand",), True)
    assert "would set its mark to what is there; mend what it lacks (table by_hand has no" in mend(
        ann, "--dry-run"
    )
    assert plan_mending(ann) == plan, "nothing was changed"

    mended = mend_schema(ann)

    assert mended.guarded == plan.guarded
    assert mended.lacks == ()
    assert found(ann) == []
    # The structure is marked as it is now; with an image it would still be told as unlike that.
    assert "structure.changed" not in kinds(found(ann, full=True))
    superuser("alpha", f"DROP TABLE {ann}.by_hand")
    mend_schema(ann)
    assert found(ann, full=True) == []


def test_rights_that_contradict_the_phase_are_told_and_mended(ann, superuser):
    superuser("alpha", f"REVOKE USAGE ON SCHEMA {ann} FROM {ann}")
    assert kinds(found(ann)) == ["rights.wrong"]
    lack = "it is active, and its tenant may not look into it"
    assert f"would mend what it lacks ({lack})" in mend(ann, "--dry-run")
    assert kinds(found(ann)) == ["rights.wrong"]
    assert mend(ann) == f"{ann} on alpha: mended what it lacked ({lack}).\n"
    assert mend(ann) == f"{ann} on alpha: nothing was to be done.\n"
    assert found(ann) == []
    described = describe(addresses.shard("alpha"), ann)
    assert described.usage
    assert described.permit


def test_migrations_recorded_by_hand_are_told(ann, superuser):
    table = f"{ann}.django_migrations"
    superuser("alpha", f"UPDATE {table} SET name = name || 'x' WHERE app = 'sessions'")
    try:
        assert "state.wrong" in kinds(found(ann, full=True))
    finally:
        superuser("alpha", f"UPDATE {table} SET name = rtrim(name, 'x') WHERE app = 'sessions'")
    assert found(ann, full=True) == []


def test_wrong_ids_are_told_with_the_command_that_gives_the_right_ones(ann, superuser):
    """As rows come that were copied from elsewhere: an UPDATE fires no trigger."""
    superuser("alpha", f"UPDATE {ann}.auth_permission SET id = 77 WHERE codename = 'add_session'")
    (finding,) = found(ann, full=True)
    assert finding.kind == "ids.wrong"
    assert "add_session" in finding.what
    assert finding.mend == f"manage.py give_global_ids {ann}"
    call_command(*finding.mend.split()[1:], stdout=io.StringIO(), stderr=io.StringIO())
    assert found(ann, full=True) == []


ROW = "UPDATE atoll.tenant_schema SET {change} WHERE schema = '{schema}'"


@pytest.mark.parametrize(
    ("kind", "change", "back", "mend"),
    [
        (
            "schema.unfinished",
            ROW.format(change="unfinished = 'shop.0003'", schema="{ann}"),
            ROW.format(change="unfinished = NULL", schema="{ann}"),
            "migrate_schemas --tenant {ann}",
        ),
        (
            "schema.ahead",
            ROW.format(change="epoch = epoch + 90", schema="{ann}"),
            ROW.format(change="epoch = epoch - 90", schema="{ann}"),
            "bring it further forward",
        ),
        (
            "schema.unmarked",
            ROW.format(change="schema = 'tput00aside'", schema="{ann}"),
            ROW.format(change="schema = '{ann}'", schema="tput00aside"),
            "Restore the row",
        ),
        (
            "role.missing",
            "ALTER ROLE {ann} RENAME TO put_aside",
            "ALTER ROLE put_aside RENAME TO {ann}",
            "mend_schema {ann}",
        ),
    ],
)
def test_what_is_wrong_with_a_mark_or_a_role_is_told(ann, superuser, kind, change, back, mend):
    superuser("alpha", change.format(ann=ann))
    try:
        findings = {str(finding.kind): finding for finding in found(ann)}
    finally:
        superuser("alpha", back.format(ann=ann))
    assert mend.format(ann=ann) in findings[kind].mend
    assert found(ann) == []


def test_a_copy_from_before_its_tenant_was_away_is_told(ann):
    row = Placement.objects.using("control").filter(tenant_id=ann)
    (kept,) = row.values("epoch", "arrived_epoch")
    row.update(epoch=91, arrived_epoch=90)
    try:
        assert kinds(found(ann)) == ["schema.stale"]
    finally:
        row.update(**kept)
    assert found(ann) == []


def test_a_schema_that_cannot_be_measured_is_told_and_the_next_one_is_measured(ann, bob, superuser):
    table = f"{ann}.django_migrations"
    superuser("alpha", f"REVOKE SELECT ON {table} FROM own")
    try:
        request = DriftRequest(tenants=frozenset({ann, bob}), full=True)
        report = check_drift(request)
    finally:
        superuser("alpha", f"GRANT SELECT ON {table} TO own")
    (finding,) = report.findings
    assert (finding.kind, finding.subject) == ("schema.not_measured", ann)
    assert "permission denied for table django_migrations" in finding.what
    assert finding.mend == f"manage.py check_drift --full --tenant {ann}"
    assert report.measured == 1
    assert check_drift(request).measured == 2


def test_of_a_server_that_is_lost_on_the_way_only_the_rest_is_told_as_not_measured(
    ann, bob, superuser
):
    measuring = measure(addresses.shard("alpha"), [ann, bob])
    first = next(measuring)
    superuser("alpha", KILL_OWN)

    assert (first.schema, first.problem) == (ann, "")
    (second,) = measuring
    assert second.schema == bob
    assert second.problem


def test_a_closed_schema_is_opened_only_when_no_other_copy_is_open(ann, superuser):
    mark = "UPDATE atoll.tenant_schema SET phase = 'sealed' WHERE schema = '{}'"
    superuser("alpha", mark.format(ann), f"REVOKE USAGE ON SCHEMA {ann} FROM {ann}")
    superuser("alpha", f"REVOKE REFERENCES ON {ann}.write_permit FROM {ann}")
    assert kinds(found(ann)) == ["schema.closed"]
    mend_schema(ann)
    assert kinds(found(ann)) == ["schema.closed"], "without --open it stays closed"

    open_copy("beta", ann)
    for mending in (mend_schema, plan_mending):
        with pytest.raises(OpenElsewhere, match="open on beta"):
            mending(ann, open_it=True)
    assert sorted(kinds(found(ann))) == ["schema.closed", "schema.twice"]
    (twice,) = (finding for finding in found(ann) if finding.kind == "schema.twice")
    assert twice.shard == "beta"

    drop_left_over(find_left_over("beta", ann))
    assert "would open it" in mend(ann, "--open", "--dry-run")
    assert kinds(found(ann)) == ["schema.closed"]
    assert mend_schema(ann, open_it=True).opened
    assert found(ann) == []


def test_a_schema_that_is_gone_is_told_as_lost(bob, superuser):
    superuser("alpha", f"ALTER SCHEMA {bob} RENAME TO put_aside")
    try:
        assert kinds(found(bob)) == ["schema.missing"]
    finally:
        superuser("alpha", f"ALTER SCHEMA put_aside RENAME TO {bob}")
    assert found(bob) == []


def test_a_tenant_or_a_placement_without_the_other_is_told(ann):
    assert kinds(found(ann, known=list)) == ["placement.without_tenant"]
    nobody = new_tenant_id()
    assert kinds(found(nobody, known=lambda: [nobody])) == ["tenant.without_placement"]


def test_what_is_half_made_is_told_unless_somebody_is_at_it(cyd):
    row = Placement.objects.using("control").filter(tenant_id=cyd)
    row.update(state="creating")
    try:
        assert kinds(found(cyd)) == ["placement.unfinished"]
        with lease(cyd, "a test"):
            assert found(cyd) == []
    finally:
        row.update(state="ready")


def test_a_schema_of_nobody_is_dropped_with_its_role(stray):
    (finding,) = found(stray)
    assert finding.kind == "schema.without_tenant"
    assert finding.mend.endswith(f"manage.py drop_left_over alpha {stray}")

    left = find_left_over("alpha", stray)
    assert (left.what, left.has_role) == (LeftOver.SCHEMA, True)
    drop_left_over(left)

    assert found(stray) == []
    with pytest.raises(NotLeftOver):
        find_left_over("alpha", stray)


def test_a_role_of_nobody_is_dropped(stray):
    drop_schema(addresses.shard("alpha"), stray)
    (finding,) = found(stray)
    assert finding.kind == "role.left_over"
    drop_left_over(find_left_over("alpha", stray))
    assert found(stray) == []


def test_a_row_without_a_schema_is_forgotten(stray, superuser):
    superuser("alpha", f"DROP SCHEMA {stray} CASCADE")
    assert "marker.without_schema" in kinds(found(stray))
    drop_left_over(find_left_over("alpha", stray))
    assert found(stray) == []


def test_a_template_that_nobody_works_in_is_dropped(superuser):
    name = "tmpl_0123456789ab"
    superuser("alpha", f"CREATE SCHEMA {name} AUTHORIZATION own", f"CREATE TABLE {name}.t (id int)")
    (finding,) = found(name)
    assert (finding.kind, finding.shard) == ("template.left_over", "alpha")
    drop_left_over(find_left_over("alpha", name))
    assert found(name) == []


def test_what_belongs_to_a_tenant_is_never_dropped(ann):
    with pytest.raises(NotLeftOver, match="lives there"):
        find_left_over("alpha", ann)
    with pytest.raises(NotLeftOver, match="nothing of this name"):
        find_left_over("beta", ann)
    assert found(ann) == []


def test_the_command_tells_people_and_programs_and_exits_with_one(ann, superuser):
    def run(*arguments):
        out = io.StringIO()
        try:
            call_command("check_drift", *arguments, stdout=out, stderr=io.StringIO())
        except CommandError as error:
            return error.returncode, out.getvalue()
        return 0, out.getvalue()

    status, text = run("--tenant", "drift-ann", "--full")
    assert status == 0
    assert "nothing differs" in text
    superuser("alpha", f"REVOKE USAGE ON SCHEMA {ann} FROM {ann}")
    try:
        status, text = run("--tenant", "drift-ann")
        assert status == 1
        assert f"rights.wrong             {ann} drift-ann" in text
        assert f"→ manage.py mend_schema {ann}" in text
        status, text = run("--tenant", ann, "--json")
        (finding,) = json.loads(text)["findings"]
        assert (status, finding["kind"], finding["slug"]) == (1, "rights.wrong", "drift-ann")
        assert run("--tenant", "drift-bob")[0] == 0
    finally:
        mend_schema(ann)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["check_drift", "--shard", "gamma"], 2, "no shard 'gamma'"),
        (["check_drift", "--tenant", "nobody-here"], 2, "No tenant has the slug"),
        (["mend_schema", "tnobody00"], 2, "has no placement"),
        (["mend_schema", "drift-ann"], 2, "Tenant id 'drift-ann' has no placement.*list_tenants"),
        (["mend_schema"], None, "required: tenant"),
        (["mend_schema", "tnobody00", "t2"], None, "unrecognized arguments: t2"),
        (["drop_left_over", "alpha"], None, "required: name"),
        (["mend_schema", "tnobody00", "--dry-run"], 2, "has no placement"),
        (["drop_left_over", "gamma", "tnobody00"], 2, "no shard 'gamma'"),
        (["drop_left_over", "alpha", "tnobody00"], 1, "is not left over"),
        (["drop_left_over", "alpha", "public"], 1, "is not left over"),
        (["seal_shard", "gamma", "--confirm", "gamma"], 2, "no shard 'gamma'"),
        (["seal_shard", "alpha", "--confirm", "beta"], 2, "Nothing was changed"),
        (["seal_shard", "gamma", "--dry-run"], 2, "no shard 'gamma'"),
        (["seal_backups", "gamma", "--dry-run"], 2, "no shard 'gamma'"),
        (["seal_backups", "gamma"], 2, "no shard 'gamma'"),
        (["seal_backups", ""], 2, "no shard ''"),
        (["open_restored_shard", "gamma"], 2, "no shard 'gamma'"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, status, words):
    with pytest.raises(CommandError, match=words) as caught:
        call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert status is None or caught.value.returncode == status


def test_dropping_asks_for_the_name(stray):
    with pytest.raises(CommandError, match="is not"):
        call_command("drop_left_over", "alpha", stray, "--confirm", "other", stderr=io.StringIO())
    assert kinds(found(stray)) == ["schema.without_tenant"]
    out = io.StringIO()
    call_command("drop_left_over", "alpha", stray, "--dry-run", stdout=out, stderr=io.StringIO())
    assert "Nothing was dropped" in out.getvalue()
    call_command(
        "drop_left_over", "alpha", stray, "--confirm", stray, stdout=out, stderr=io.StringIO()
    )
    assert found(stray) == []
