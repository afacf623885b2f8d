"""The doctor finds what moves have left behind, says what it is, and takes it away."""

import json
from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from sharding.moves.connections import Who, mover_connection, mover_of
from sharding.moves.models import Move, MoveDebt
from sharding.moves.services import journal
from sharding.moves.services.moving import move_tenant
from sharding.moves.types import DebtKind, MoveRequest
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services import fence
from sharding.schemas.services.create_schema import create_schema
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.services.roles import make_roles
from sharding.schemas.types import Phase
from tests.integration.moves.conftest import may_write, settled


@pytest.fixture(scope="module")
def tenant(new_tenant):
    """One that has moved once, to beta."""
    made = new_tenant()
    move_tenant(made.request())
    return made


def doctor(*words):
    """What it prints, and whether it was content."""
    out = StringIO()
    try:
        call_command("moves_doctor", *words, stdout=out, stderr=StringIO())
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def findings(tenant):
    """Of this tenant only: others' tests may be in the middle of something."""
    told, _ = doctor("--json")
    return [one for one in json.loads(told)["findings"] if one["tenant_id"] == tenant.id]


def ills(tenant):
    return [one["ill"] for one in findings(tenant)]


def mend(tenant):
    told, _ = doctor("--fix", "--json")
    mine = [one for one in json.loads(told)["findings"] if one["tenant_id"] == tenant.id]
    assert [(one["mended"], one["why_not"]) for one in mine] == [(True, "")] * len(mine)
    assert ills(tenant) == []


@contextmanager
def at(shard):
    with own_connection(registry.shard(shard)) as own:
        yield own


def the_move(tenant):
    return Move.objects.using("control").filter(tenant_id=tenant.id).latest("pk")


def test_where_nothing_is_left_it_is_content(tenant):
    assert ills(tenant) == []


def test_a_fence_that_no_move_will_open(tenant):
    with at("beta") as own:
        fence.arm(own, tenant.id)
        with own.transaction():
            set_phase(own, tenant.id, Phase.FENCED, token=the_move(tenant).token)
            fence.revoke_permit(own, tenant.id)
    assert not may_write(tenant.id, "beta")
    (found,) = findings(tenant)
    assert (found["ill"], found["shard"], found["slug"]) == ("fence", "beta", tenant.slug)
    told, content = doctor()
    assert "They accept writes again. (--fix)" in told
    assert not content
    # Its guards are armed as well; a schema that is fenced has to have them so.
    doctor("--fix")
    assert ills(tenant) == ["guard"]
    mend(tenant)
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_copy_where_the_tenant_does_not_live(tenant):
    make_roles(registry.shard("alpha"), [tenant.id])
    with at("alpha") as own:
        own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", (tenant.id,))
    create_schema(registry.shard("alpha"), tenant.id)
    with at("alpha") as own:
        own.execute(
            "UPDATE atoll.tenant_schema SET move_id = %s WHERE schema = %s",
            (the_move(tenant).pk, tenant.id),
        )
    assert ills(tenant) == ["copy"]
    mend(tenant)
    settled(tenant, on="beta")


@pytest.mark.slow
def test_debts_of_a_move_that_has_ended(tenant):
    move = the_move(tenant)
    MoveDebt.objects.using("control").filter(move=move).update(settled_at=None)
    with at("beta") as own:
        fence.arm(own, tenant.id)
    # A copy that is long gone, and guards that are armed: the debt says what they were for.
    MoveDebt.objects.using("control").filter(move=move, shard="beta", kind=DebtKind.DROP).update(
        settled_at=Now()
    )
    assert sorted(ills(tenant)) == ["debt", "guard"]
    mend(tenant)
    settled(tenant, on="beta")


@pytest.mark.slow
def test_the_copy_that_is_used_is_not_dropped_for_a_debt(tenant):
    MoveDebt.objects.using("control").filter(
        move=the_move(tenant), shard="beta", kind=DebtKind.DROP
    ).update(settled_at=None)
    told, content = doctor("--fix")
    assert not content
    assert "The copy on beta is the one that is used." in told
    assert may_write(tenant.id, "beta")
    MoveDebt.objects.using("control").filter(
        move=the_move(tenant), shard="beta", kind=DebtKind.DROP
    ).update(settled_at=Now())


def test_a_session_of_a_mover_that_is_long_gone(tenant):
    with at("beta") as own:
        newest = read_marker(own, tenant.id).token
    who = Who(tenant.id, the_move(tenant).pk, newest)
    with mover_connection(registry.shard("beta"), who) as connection:
        (found,) = findings(tenant)
        assert (found["ill"], found["subject"]) == (
            "session",
            str(connection.info.backend_pid),
        )
        mend(tenant)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


@pytest.mark.slow
def test_a_move_on_which_nobody_works(tenant):
    move = journal.begin(MoveRequest(tenant.id, "alpha"), source="beta", token=1, mover="nobody")
    (found,) = findings(tenant)
    assert (found["ill"], found["move_id"]) == ("stuck", move.pk)
    mend(tenant)
    assert journal.find(str(move.pk)).state == "aborted"
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_slot_and_a_publication_of_a_move_that_has_ended(tenant, stack_ready):
    name = f"mv_{tenant.id}_{the_move(tenant).pk}_1_there"
    server = registry.shard("beta")
    mover = server.direct.parameters(mover_of(server))
    with psycopg.connect(**mover, autocommit=True) as connection, at("beta") as own:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
        own.execute(f"CREATE PUBLICATION {name} FOR TABLE {tenant.id}.django_session")
        connection.execute(
            f"CREATE SUBSCRIPTION {name} CONNECTION 'host=nowhere dbname=shard password=x' "
            f"PUBLICATION {name} WITH (connect = false, slot_name = NONE)"
        )
    assert sorted(ills(tenant)) == ["publication", "slot", "subscription"]
    mend(tenant)


def test_a_debt_on_a_shard_that_is_no_more_stops_nothing_else(tenant):
    moves = Move.objects.using("control")
    move = moves.create(tenant_id=tenant.id, source="gone", target="beta", state="done")
    MoveDebt.objects.using("control").create(move=move, shard="gone", kind=DebtKind.DROP)
    try:
        told, content = doctor("--fix", "--json")
        (mine,) = [one for one in json.loads(told)["findings"] if one["tenant_id"] == tenant.id]
        assert not content
        assert (mine["ill"], mine["mended"]) == ("debt", False)
        assert "gone" in mine["why_not"]
    finally:
        move.delete(using="control")


def test_a_shard_that_is_none_is_a_wrong_use():
    with pytest.raises(CommandError) as caught:
        call_command("moves_doctor", "--shard", "delta")
    assert caught.value.returncode == 2
