"""`check_pooler`: SAFE where tenants are kept apart, UNSAFE where they are not, and why."""

import io
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.test import override_settings
from psycopg import sql

from sharding.placements.models import Placement as Row
from sharding.placements.services import checking_pooler
from sharding.placements.services.checking_pooler import (
    Safety,
    Seen,
    check_address,
    complaints,
)
from sharding.registry import current
from sharding.registry.types import Endpoint
from sharding.scope import Placement
from tests.fixtures.pgbouncer import WithOurFiles
from tests.integration.pools.poolers import two_tenants

pytestmark = pytest.mark.needs("pgbouncer")

A, B = (Placement(f"t000000{name}", "alpha", f"t000000{name}", 1, "g") for name in "ab")


@pytest.fixture(scope="module")
def tenants(stack_ready, django_db_blocker):
    # Their ids come before all others', so they are the two that are taken.
    with two_tenants((A.tenant_id, B.tenant_id)) as places:
        rows = [
            Row(tenant_id=p.tenant_id, schema=p.schema, shard_id="alpha", state="ready")
            for p in places
        ]
        with django_db_blocker.unblock():
            Row.objects.using("control").bulk_create(rows)
            yield places
            Row.objects.using("control").filter(tenant_id__in=[A.tenant_id, B.tenant_id]).delete()
            connections.close_all()


@pytest.fixture
def through(tenants, fleet):
    """Leads requests through a PgBouncer of its own, in the mode that is asked for."""
    with ExitStack() as at_the_end:

        def start(mode: str) -> None:
            folder = Path(tempfile.mkdtemp(prefix="atoll-pgb-"))
            at_the_end.callback(shutil.rmtree, folder)
            server = WithOurFiles.in_folder(folder)
            before = current.registry()
            alpha = before.shards["alpha"]
            pooled = replace(alpha, pooled=Endpoint("127.0.0.1", server.port, "alpha"))
            known = replace(before, shards=MappingProxyType({**before.shards, "alpha": pooled}))
            current.install(known)
            at_the_end.callback(current.install, before)
            with override_settings(ATOLL_PROCESS_GROUPS="web=1x2"):
                call_command("write_pgbouncer_config", folder, stdout=io.StringIO())
            main = folder / "pgbouncer.ini"
            main.write_text(main.read_text().replace("= transaction", f"= {mode}"))
            server.start()
            at_the_end.callback(server.stop)
            at_the_end.callback(connections.close_all)

        yield start


def drive_unbound(places):
    """As a library that says SET once per request: on the session."""
    at, login = current.shard("alpha").pooled, current.shard("alpha").web
    with ExitStack() as opened:
        clients = [
            opened.enter_context(
                psycopg.connect(
                    **at.parameters(login),
                    autocommit=True,
                )
            )
            for _ in places
        ]
        for place, client in zip(places, clients, strict=True):
            client.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(place.role)))
            client.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(place.schema)))
        for place, client in zip(places, clients, strict=True):
            login, user, schema, backend = client.execute(checking_pooler._WHO).fetchone()
            yield Seen(place, login, user, schema, "", backend)


def run(out):
    call_command("check_pooler", "alpha", stdout=out)


def test_directly_it_is_safe(tenants):
    verdict = check_address("alpha", tenants)
    assert (verdict.safety, verdict.reasons) == (Safety.SAFE, ())
    assert verdict.statements == checking_pooler.CLIENTS * checking_pooler.ROUNDS * 4


def test_through_pgbouncer_in_transaction_mode_it_is_safe(through):
    through("transaction")
    out = io.StringIO()
    run(out)
    said = out.getvalue()
    assert said.startswith("SAFE    alpha at 127.0.0.1:")
    # More clients than server connections: they did meet.
    assert "600 statements on 2 server connections" in said or " on 1 server" in said


def test_a_driver_that_is_not_bound_is_unsafe_through_the_same_pooler(through, tenants):
    through("transaction")
    verdict = check_address("alpha", tenants, drive_unbound)
    assert verdict.safety is Safety.UNSAFE
    assert verdict.reasons == (f"a statement of {A.tenant_id} ran as {B.role} in {B.schema}",)


def test_and_in_statement_mode(through, tenants):
    through("statement")
    assert check_address("alpha", tenants, drive_unbound).safety is Safety.UNSAFE


def test_statement_mode_is_unsafe_for_anybody_and_the_command_says_why(through):
    through("statement")
    out = io.StringIO()
    with pytest.raises(CommandError, match="Tenants are not kept apart") as refused:
        run(out)
    assert refused.value.returncode == 1
    assert out.getvalue().startswith("UNSAFE  alpha at 127.0.0.1:")
    assert "a statement was refused:" in out.getvalue()


def test_that_driver_is_safe_where_nothing_is_pooled(tenants):
    assert check_address("alpha", tenants, drive_unbound).safety is Safety.SAFE


def test_a_server_that_is_away_says_nothing_of_its_pooler(tenants, fleet):
    fleet.stop_server("alpha")
    try:
        with pytest.raises(OperationalError):
            check_address("alpha", tenants)
    finally:
        fleet.start_server("alpha")


def test_a_shard_without_two_tenants_is_told(fleet):
    known = current.registry()
    empty = replace(known.shards["beta"], name="gamma")
    current.install(replace(known, shards=MappingProxyType({**known.shards, "gamma": empty})))
    try:
        with pytest.raises(CommandError, match="Two tenants of one shard are needed"):
            call_command("check_pooler", "gamma")
    finally:
        current.install(known)
    with pytest.raises(CommandError, match="There is no shard 'nowhere'"):
        call_command("check_pooler", "nowhere")


def test_what_is_complained_of():
    def seen(wanted, user, schema, transaction="", backend=1):
        return Seen(wanted, "web", user, schema, transaction, backend)

    good = [seen(A, A.role, A.schema), seen(None, "web", None), seen(B, B.role, B.schema, "1")]
    assert list(complaints(good)) == []
    assert "ran as web in no schema" in next(complaints([seen(A, "web", None)]))
    assert "the session was still" in next(complaints([seen(None, A.role, A.schema)]))
    torn = [seen(A, A.role, A.schema, "1", 1), seen(A, A.role, A.schema, "1", 2)]
    assert "different server connections" in next(complaints(torn))
