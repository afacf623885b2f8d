"""A shard that comes back from a backup: as the runbook says, on real servers.

What the backup has of tenants that moved away or were deleted stays closed; what is younger than
the backup is named as lost; the others are served again.
"""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections

from sharding import scope
from sharding.backend.shard import base
from sharding.placements.models import AuditEntry, Placement, Shard
from sharding.placements.services.placing import (
    delete_placement,
    get_placement,
    set_placement_state,
)
from sharding.placements.services.restored import Fate, open_restored_shard, plan_reopening
from sharding.placements.states import PlacementState
from sharding.pools.errors import ShardAway
from sharding.registry import current as addresses
from sharding.registry.types import Endpoint
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.describe import describe
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import make_roles
from sharding.schemas.types import Phase
from tenants.models import Tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.connections import forget_connections
from tests.integration.drift.backups import (
    PUT_ASIDE,
    back_up,
    dump,
    restore,
    restore_dump,
    standby_of,
)
from tests.integration.drift.conftest import found, kinds

RIGHTS_OF_ALL = """
    SELECT EXISTS (
        SELECT FROM pg_database, aclexplode(datacl) WHERE datname = 'shard' AND grantee = 0
    ) OR EXISTS (SELECT FROM pg_database WHERE datname = 'shard' AND datacl IS NULL)
"""
SETTINGS_OF_WEB = """
    SELECT EXISTS (
        SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = 'shard' AND s.setrole = 'web'::regrole
    )
"""


@pytest.fixture
def folder(stack_ready):
    # Where the servers' account can reach it.
    with tempfile.TemporaryDirectory(prefix="atoll-backup-") as made:
        path = Path(made)
        path.chmod(0o711)
        stack_ready.server("alpha").site.account.give(path)
        yield path


def make(slug: str) -> str:
    return provision_tenant(ProvisionRequest(slug=slug, shard="alpha")).tenant_id


def groups(tenant_id: str) -> set[str]:
    connections.close_all()
    with scope.enter(get_placement(tenant_id).to_scope()):
        return set(Group.objects.values_list("name", flat=True))


def add_group(tenant_id: str, name: str) -> None:
    with scope.enter(get_placement(tenant_id).to_scope()):
        Group.objects.create(name=name)


def move_away(tenant_id: str) -> None:
    """As a move leaves it: open on beta, the placement there, nothing left on alpha."""
    beta = addresses.shard("beta")
    make_roles(beta, [tenant_id])
    create_schema(beta, tenant_id)
    with own_connection(beta) as connection:
        open_schema(connection, tenant_id, epoch=3)
    Placement.objects.using("control").filter(tenant_id=tenant_id).update(
        shard_id="beta", epoch=3, arrived_epoch=3
    )
    drop_schema(addresses.shard("alpha"), tenant_id)


def delete(tenant_id: str) -> None:
    drop_schema(addresses.shard("alpha"), tenant_id)
    Placement.objects.using("control").filter(tenant_id=tenant_id).update(state="dropping")
    delete_placement(tenant_id)
    Tenant.objects.using("control").filter(id=tenant_id).delete()


def refused(tenant_id: str) -> str:
    with pytest.raises(OperationalError) as caught:
        groups(tenant_id)
    assert isinstance(caught.value.__cause__, ShardAway)
    return str(caught.value)


def test_a_restored_shard_serves_only_what_belongs_there(
    stack_ready, folder, alpha_again, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    stays, moves, goes = make("back-stays"), make("back-moves"), make("back-goes")
    on_its_way = make("back-on-its-way")
    add_group(stays, "before")
    backup = back_up(stack_ready, "alpha", folder)
    add_group(stays, "after")
    move_away(moves)
    delete(goes)
    moving = set_placement_state(on_its_way, PlacementState.MOVING)
    born = make("back-born")
    assert groups(stays) == {"before", "after"}

    # 1. Seal first: the very server that still serves is refused, its copies of tomorrow too.
    call_command("seal_shard", "alpha", "--confirm", "alpha", stdout=io.StringIO())
    assert "is sealed" in refused(stays)
    assert listed("alpha")[:2] == ["alpha", "sealed"]
    assert listed("beta")[:2] == ["beta", "active"]
    assert Shard.objects.using("control").get(name="alpha").registry_version

    # 2. Restore. It answers, and nobody is served.
    connections.close_all()
    restore(stack_ready, "alpha", backup)
    assert "incarnation 1 and the registry knows 2" in refused(stays)
    with pytest.raises(OperationalError):
        groups(stays)  # refused at once the second time

    # 3. Compare.
    assert "shard.sealed" in kinds(found("alpha", shards=("alpha",)))
    assert kinds(found(moves)) == ["schema.twice"]
    assert kinds(found(goes)) == ["schema.without_tenant"]
    assert kinds(found(born)) == ["schema.missing"]
    plan = {one.schema: one.fate for one in plan_reopening("alpha").verdicts}
    expected = {
        stays: Fate.SERVES,
        moves: Fate.SEALED,
        goes: Fate.SEALED,
        born: Fate.LOST,
        on_its_way: Fate.LEFT,
    }
    assert {schema: plan[schema] for schema in expected} == expected

    # 4. Open.
    generation = get_placement(stays).generation
    out = io.StringIO()
    with pytest.raises(CommandError, match="tenants have no good copy on alpha"):
        call_command("open_restored_shard", "alpha", stdout=out, stderr=io.StringIO())
    assert f"sealed   {moves}  its tenant lives on beta" in out.getvalue()
    assert f"lost     {born}" in out.getvalue()
    assert "It serves again, as incarnation 2." in out.getvalue()

    connections.close_all()
    assert _when_it_answers(stays) == {"before"}
    assert listed("alpha")[:2] == ["alpha", "active"]
    assert get_placement(stays).generation != generation, "what was cached is younger than its data"
    # Its mover has looked at the server of before: it may not switch any more.
    assert get_placement(on_its_way).epoch > moving.epoch
    set_placement_state(on_its_way, PlacementState.READY)
    alpha = addresses.shard("alpha")
    for copy in (moves, goes):
        described = describe(alpha, copy)
        assert described.marker is not None
        assert described.marker.phase is Phase.SEALED
        assert not described.usage
        assert not described.permit
    assert kinds(found(moves)) == []
    assert make("back-new"), "the shard takes tenants again"
    assert not open_restored_shard("alpha").sealed, "a second run finds it open"

    for tenant_id in (born, moves):
        Placement.objects.using("control").filter(tenant_id=tenant_id).update(state="dropping")
        delete_placement(tenant_id)
        Tenant.objects.using("control").filter(id=tenant_id).delete()
    drop_schema(addresses.shard("beta"), moves)
    for left in (moves, goes):
        drop_schema(alpha, left)


@pytest.mark.slow
def test_a_shard_is_restored_from_a_dump_as_from_a_copy(
    stack_ready, folder, alpha_again, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    stays = make("dump-stays")
    add_group(stays, "before")
    dumped = dump(stack_ready, "alpha", folder)
    add_group(stays, "after")
    born = make("dump-born")
    call_command("seal_shard", "alpha", "--confirm", "alpha", stdout=io.StringIO())
    restore_dump(stack_ready, "alpha", dumped)
    try:
        assert "incarnation 1 and the registry knows 2" in refused(stays)
        plan = {one.schema: one.fate for one in plan_reopening("alpha").verdicts}
        assert (plan[stays], plan[born]) == (Fate.SERVES, Fate.LOST)
        with pytest.raises(CommandError, match="have no good copy on alpha"):
            call_command("open_restored_shard", "alpha", stdout=io.StringIO())
        connections.close_all()
        assert _when_it_answers(stays) == {"before"}
        # What belongs to the database and not to what is in it.
        with psycopg.connect(stack_ready.admin_conninfo("alpha")) as admin:
            assert admin.execute(RIGHTS_OF_ALL).fetchone() == (False,)
            assert admin.execute(SETTINGS_OF_WEB).fetchone() == (True,)
        assert describe(addresses.shard("alpha"), stays).lacks == ()
        assert make("dump-new"), "the shard takes tenants again"
    finally:
        Placement.objects.using("control").filter(tenant_id=born).update(state="dropping")
        delete_placement(born)
        Tenant.objects.using("control").filter(id=born).delete()
        with psycopg.connect(
            stack_ready.admin_conninfo("alpha", "postgres"), autocommit=True
        ) as admin:
            admin.execute("DROP DATABASE shard_broken")


def test_what_the_guide_says_of_a_dump_is_what_is_tried():
    guide = (Path(__file__).parents[3] / "docs" / "how-to" / "back-up-and-restore.md").read_text()
    for command in PUT_ASIDE:
        assert f'psql -X -d postgres -c "{command}"\n' in guide
    assert "pg_restore --create --exit-on-error -d postgres" in guide


def listed(name: str) -> list[str]:
    """The words of a shard's line."""
    out = io.StringIO()
    call_command("list_shards", name, stdout=out)
    return out.getvalue().splitlines()[1].split()


def _when_it_answers(tenant_id: str) -> set[str]:
    """A refusal stands for a second; then the server is asked again."""
    time.sleep(1.1)
    return groups(tenant_id)


def test_a_backup_starts_sealed_although_nobody_seals_the_shard(
    stack_ready, folder, alpha_again, drifting, ann, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    backup = back_up(stack_ready, "alpha", folder)
    out = io.StringIO()
    call_command("seal_backups", "alpha", stdout=out)
    assert "alpha is of incarnation 2 now" in out.getvalue()
    assert groups(ann) == set(), "the server that runs goes on serving"
    (entry,) = AuditEntry.objects.using("control").filter(action="shard.seal_backups")
    assert (entry.before, entry.after) == ({"incarnation": 1}, {"incarnation": 2})
    call_command("seal_backups", "alpha", stdout=out)
    assert groups(ann) == set(), "nor is the next backup's seal anybody's"

    connections.close_all()
    restore(stack_ready, "alpha", backup)
    assert "incarnation 1 and the registry knows 3" in refused(ann)
    for more in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"is sealed: .* open_restored_shard alpha"):
            call_command("seal_backups", "alpha", *more, stdout=out)
    assert "incarnation 1 and" in refused(ann), "sealing backups opens nothing"
    # What would have been without: to the restored server itself nothing seems amiss.
    known = addresses.registry()
    shards = {**known.shards, "alpha": replace(known.shards["alpha"], incarnation=1)}
    addresses.install(replace(known, shards=MappingProxyType(shards)))
    assert groups(ann) == set()
    addresses.install(known)

    assert open_restored_shard("alpha").wanted == 3
    assert _when_it_answers(ann) == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seal_shard", "knows incarnation 1 and would know 2"),
        ("seal_backups", "is of incarnation 1 and would be of 2"),
    ],
)
def test_a_dry_run_of_sealing_says_what_would_be_and_changes_nothing(
    stack_ready, drifting, ann, monkeypatch, name, words
):
    path = stack_ready.files.registry
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(path))
    before = path.read_bytes(), state_of_alpha()
    living = Placement.objects.using("control").filter(shard_id="alpha").count()
    out = io.StringIO()
    call_command(name, "alpha", "--dry-run", stdout=out)

    assert words in out.getvalue()
    assert f": {living}" in out.getvalue()
    assert out.getvalue().endswith("Nothing was changed.\n")
    assert (path.read_bytes(), state_of_alpha()) == before
    assert groups(ann) == set()


def state_of_alpha():
    with own_connection(addresses.shard("alpha")) as connection:
        server = connection.execute("SELECT * FROM atoll.server").fetchall()
    row = Shard.objects.using("control").filter(name="alpha").values().get()
    return server, row, AuditEntry.objects.using("control").count()


@pytest.mark.parametrize("name", ["seal_shard", "seal_backups"])
def test_without_a_registry_file_there_is_nothing_to_write_to(drifting, monkeypatch, name):
    monkeypatch.delenv(addresses.ENVIRONMENT_VARIABLE, raising=False)
    with pytest.raises(CommandError, match="Set ATOLL_REGISTRY") as caught:
        call_command(name, "alpha")
    assert caught.value.returncode == 2


def test_a_server_in_recovery_is_refused_as_one_that_is_away(
    stack_ready, folder, alpha_again, drifting, ann
):
    backup = back_up(stack_ready, "alpha", folder)
    known = addresses.registry()
    with standby_of(stack_ready, "alpha", backup) as port:
        at = Endpoint("127.0.0.1", port, known.shards["alpha"].direct.dbname)
        standby = replace(known.shards["alpha"], direct=at, pooled=at)
        shards = {**known.shards, "alpha": standby}
        addresses.install(replace(known, shards=MappingProxyType(shards)))
        try:
            assert "is in recovery" in refused(ann)
            assert listed("alpha")[:3] == ["alpha", "in", "recovery"]
            assert "shard.in_recovery" in kinds(found("alpha", shards=("alpha",)))
            with pytest.raises(Exception, match="in recovery"):
                plan_reopening("alpha")
        finally:
            connections.close_all()
            addresses.install(known)
    assert groups(ann) == set()


def test_connections_that_are_there_are_not_asked_again(drifting, ann, monkeypatch):
    asked = []
    real = base.check_identity
    monkeypatch.setattr(base, "check_identity", lambda *a, **k: (asked.append(1), real(*a, **k)))
    connections.close_all()
    with scope.enter(get_placement(ann).to_scope()):
        for _ in range(5):
            Group.objects.count()
    assert len(asked) == 1


def test_who_waits_for_a_pool_is_told_that_the_shard_is_sealed(
    stack_ready, alpha_again, drifting, ann, settings
):
    known = addresses.registry()
    newer = replace(known.shards["alpha"], incarnation=9)
    settings.ATOLL_POOL = {"max_size": 1}
    forget_connections()
    addresses.install(replace(known, shards=MappingProxyType({**known.shards, "alpha": newer})))
    try:
        assert "is sealed" in refused(ann), "the first, for whom the pool is opened"
        assert "is sealed" in refused(ann)
    finally:
        forget_connections()
        addresses.install(known)


def test_without_the_check_a_sealed_shard_would_serve(
    stack_ready, alpha_again, drifting, ann, monkeypatch
):
    known = addresses.registry()
    newer = replace(known.shards["alpha"], incarnation=9)
    shards = MappingProxyType({**known.shards, "alpha": newer})
    connections.close_all()
    addresses.install(replace(known, shards=shards))
    assert "is sealed" in refused(ann)
    monkeypatch.setattr(base, "check_identity", lambda *a, **k: None)
    monkeypatch.setattr(base, "refused_just_now", lambda server: None)
    assert groups(ann) == set()
    connections.close_all()
    addresses.install(known)
