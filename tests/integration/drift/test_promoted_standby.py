"""A standby is promoted by the command, and the old primary serves nobody any more."""

import io
import json
import time
from dataclasses import replace
from types import MappingProxyType

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from psycopg import sql

from sharding import scope
from sharding.backend.shard import base
from sharding.placements.models import AuditEntry, Process
from sharding.placements.services.placing import get_placement
from sharding.pools.errors import ShardAway
from sharding.registry import current as addresses
from sharding.registry.toml_file import read_registry, write_registry
from sharding.schemas.services.reachability import SUBSCRIBES_SINCE, why_unreachable
from tests.fixtures.standbys import HOST, streaming_standby
from tests.fixtures.waiting import wait_for


@pytest.fixture
def standby(stack_ready, ann, alpha_again, monkeypatch):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    with streaming_standby(stack_ready, "alpha") as made:
        yield made
        connections.close_all()
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as primary:
        primary.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(ann, "auth_group")))


def promote(*words, **options):
    """What the command says, and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "promote_shard", "alpha", *words, confirm="alpha", stdout=out, stderr=err, **options
    )
    return out.getvalue(), err.getvalue()


def groups(tenant_id):
    connections.close_all()
    with scope.enter(get_placement(tenant_id).to_scope()):
        return set(Group.objects.values_list("name", flat=True))


def add_group(tenant_id, name):
    with scope.enter(get_placement(tenant_id).to_scope()):
        Group.objects.create(name=name)


def lead_back():
    """Use the address of the old primary again, with the number that the registry has now."""
    known = addresses.registry()
    alpha = known.shards["alpha"]
    old = replace(alpha.direct, host="127.0.0.1")
    shards = {**known.shards, "alpha": replace(alpha, direct=old, pooled=old)}
    addresses.install(replace(known, shards=MappingProxyType(shards)))


def test_who_promotes_raises_the_number_and_the_old_primary_is_refused(
    stack_ready, standby, ann, monkeypatch
):
    add_group(ann, "before")
    before = get_placement(ann).generation
    caught_up(stack_ready, standby)
    if stack_ready.major >= SUBSCRIBES_SINCE // 10000:
        # Of several hosts a stream too takes the one that accepts writes.
        known = addresses.registry().shards
        twice = replace(known["alpha"].direct, host=f"{HOST},{HOST}")
        assert why_unreachable(known["beta"], known["alpha"]) == ""
        assert "read-only" in why_unreachable(known["beta"], replace(known["alpha"], direct=twice))

    # What would go wrong is refused first, and changes nothing.
    text = stack_ready.files.registry.read_text()
    for words, said in (
        (["--host", HOST], "still accepts writes"),
        (["--host", HOST, "--although-it-serves"], "in recovery, and nothing was changed"),
        (["--host", HOST, "--port", "1"], "127.0.0.2"),
        (
            ["--host", "127.0.0.1", "--port", str(stack_ready.server("beta").port)],
            "password authentication failed",
        ),
    ):
        with pytest.raises(CommandError, match=said):
            promote(*words)
    out, err = promote("--host", HOST, "--although-it-serves", "--dry-run", "--json")
    assert json.loads(out)["in_recovery"] is True
    assert "which is a standby" in err
    assert stack_ready.files.registry.read_text() == text
    assert groups(ann) == {"before"}

    # A process that has not heard of it could still write there: it is waited for.
    late = Process.objects.using("control").create(kind="web", host="far", pid=7)
    admin = ["--admin", standby.admin_conninfo]
    with pytest.raises(CommandError, match="web far:7") as refusal:
        promote("--host", HOST, "--although-it-serves", *admin, "--wait", "0.2")
    assert refusal.value.returncode == 3
    assert "in recovery" in away(ann), "neither of the two serves"
    late.delete()

    out, err = promote("--host", HOST, *admin)
    assert f"It serves from {HOST}:{standby.port}/shard, as incarnation 2." in out
    time.sleep(1.1)  # so long the refusal of before stands
    assert groups(ann) == {"before"}
    assert get_placement(ann).generation != before, "a standby may lack what was cached"
    add_group(ann, "after")
    entry = AuditEntry.objects.using("control").get(action="shard.promote")
    assert entry.before["incarnation"] == 1
    assert entry.after == {"direct": f"{HOST}:{standby.port}/shard", "incarnation": 2}
    assert read_registry(stack_ready.files.registry).shards["alpha"].direct.host == HOST
    again, _ = promote("--host", HOST)
    assert "incarnation 2" in again, "a second run finds it done"

    # The old one runs all the while, and thinks that all is well.
    lead_back()
    assert "is sealed: it is of incarnation 1" in away(ann)
    monkeypatch.setattr(base, "check_identity", lambda *a, **k: None)
    monkeypatch.setattr(base, "refused_just_now", lambda server: None)
    assert groups(ann) == {"before"}, "negative control: without the check it would serve"


def caught_up(stack, standby):
    with psycopg.connect(stack.admin_conninfo("alpha"), autocommit=True) as primary:
        (here,) = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
    with standby.superuser() as there:
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_for(lambda: there.execute(replayed, (here,)).fetchone()[0], "it does not catch up")


def away(tenant_id):
    with pytest.raises(OperationalError) as caught:
        groups(tenant_id)
    assert isinstance(caught.value.__cause__, ShardAway)
    return str(caught.value)


def test_a_server_that_others_have_promoted_gets_the_number_at_its_old_address(
    drifting, alpha_again, stack_ready, ann, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    out, _ = promote()
    assert "as incarnation 2." in out
    time.sleep(1.1)
    assert groups(ann) == set()


def test_of_several_hosts_the_one_that_is_to_serve_is_named(
    drifting, alpha_again, stack_ready, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    path = stack_ready.files.registry
    known = read_registry(path)
    alpha = known.shards["alpha"]
    at = replace(alpha.direct, host=f"127.0.0.1,{HOST}")
    shards = {**known.shards, "alpha": replace(alpha, direct=at, pooled=at)}
    write_registry(path, replace(known, shards=MappingProxyType(shards)))
    with pytest.raises(CommandError, match="say by --host which of them"):
        promote()
    promote("--host", "127.0.0.1")
    assert read_registry(path).shards["alpha"].direct.host == f"127.0.0.1,{HOST}"
