"""A tenant that control has forgotten is known again, as it was, and nobody else becomes it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from secrets import token_hex

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models.functions import Now

from front.models import KnownAddress
from sharding import scope
from sharding.placements.errors import IdsInUse
from sharding.placements.models import AuditEntry, Placement, ReservedRole
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement, renew_generation
from sharding.placements.services.restored import Fate, open_restored_shard
from sharding.placements.services.spares import WITHHELD
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
from tenants.directory.lookup import directory, lookup, lookup_id
from tenants.directory.types import IdKey
from tenants.errors import DomainTaken, InvalidRequest, SlugTaken
from tenants.models import Domain, Tenant
from tenants.outbox.services.drain import drain
from tenants.services.errors import NotForgotten, ReattachFailed
from tenants.services.provision import provision_tenant
from tenants.services.reattach import plan_reattachment, reattach_tenant
from tenants.services.suspend import resume_tenant
from tenants.services.types import ProvisionRequest
from tenants.serving import Verdict
from tests.integration.drift.conftest import found, kinds
from tests.integration.drift.test_restored_control import forget

SHARD = "alpha"
PERSON = "her@example.com"
MARKED = "UPDATE atoll.tenant_schema SET phase = %(phase)s, token = %(token)s WHERE schema = %(id)s"
STEPS_RUN: list[str] = []


def fails_once(entry, request):
    """An adopter's step, which runs in the tenant's scope."""
    STEPS_RUN.append(scope.tenant("A step").tenant_id)
    if len(STEPS_RUN) == 1:
        raise RuntimeError("not today")


def mark(tenant_id: str, *, phase: str = "active", token: int = 0) -> None:
    with own_connection(addresses.shard(SHARD)) as own:
        own.execute(MARKED, {"phase": phase, "token": token, "id": tenant_id})


def groups(tenant_id: str) -> set[str]:
    with scope.enter(get_placement(tenant_id).to_scope()):
        return set(Group.objects.values_list("name", flat=True))


def facts() -> tuple[int, ...]:
    """How much control knows."""
    tables = (Tenant, Domain, Placement, AuditEntry)
    return tuple(table.objects.using("control").count() for table in tables)


@pytest.fixture
def forgotten() -> Iterator[str]:
    """A tenant with a row of its own and a member, of which control knows nothing any more."""
    made = ProvisionRequest(
        slug=f"lost-{token_hex(4)}",
        shard=SHARD,
        admin_email=PERSON,
        admin_password="a password of the tests",
    )
    tenant_id = provision_tenant(made).tenant_id
    with scope.enter(get_placement(tenant_id).to_scope()):
        Group.objects.create(name="its own")
        drain()
    renew_generation(tenant_id)
    lookup_id(tenant_id)
    KnownAddress.objects.using("control").filter(tenant_id=tenant_id).delete()
    forget(tenant_id)
    yield tenant_id
    connections.close_all()
    mark(tenant_id)
    forget(tenant_id)
    ReservedRole.objects.using("control").filter(name=tenant_id).update(used_by=WITHHELD)
    drop_schema(addresses.shard(SHARD), tenant_id)


def asked(tenant_id: str, **more) -> ProvisionRequest:
    return ProvisionRequest(slug=f"again-{tenant_id}", **more)


def test_it_is_there_with_all_it_had_suspended_until_somebody_has_looked(forgotten):
    before = directory().peek(IdKey(forgotten))
    assert before is not None, "this process remembers it from before the restore"
    mark(forgotten, token=41)
    request = asked(forgotten, name="Again", domains=("again.example.org",))
    receipt = reattach_tenant(forgotten, request, reason="the backup of noon")
    slug = request.slug
    assert receipt.hosts == (f"{slug}.localhost", "again.example.org")

    entry = lookup(f"{slug}.localhost")
    assert entry is not None
    assert (entry.tenant_id, entry.name, entry.placement.shard) == (forgotten, "Again", SHARD)
    assert entry.verdict is Verdict.SUSPENDED
    assert entry.placement.epoch > before.entry.placement.epoch, "the newest that anybody knows of"
    assert entry.placement.generation != before.entry.placement.generation
    resume_tenant(slug)
    assert lookup("again.example.org").verdict is Verdict.SERVE
    assert groups(forgotten) == {"its own"}

    with lease(forgotten, "test") as held:
        assert held.token > 41, "what somebody did before the restore is refused"
    (audited,) = AuditEntry.objects.using("control").filter(
        action="tenant.reattach", subject=forgotten
    )
    assert (audited.after["shard"], audited.after["reason"]) == (SHARD, "the backup of noon")
    with scope.enter(get_placement(forgotten).to_scope()):
        drain()
    assert KnownAddress.objects.using("control").filter(tenant_id=forgotten).count() == 1
    assert found(forgotten) == []


def test_check_drift_names_it_and_the_command_and_a_dry_run_changes_nothing(forgotten):
    (finding,) = found(forgotten)
    assert str(finding.kind) == "schema.without_tenant"
    assert f"manage.py reattach_tenant {forgotten} --slug SLUG" in finding.mend
    before = facts()
    out = io.StringIO()
    arguments = (forgotten, "--slug", "looked-at", "--json")
    call_command("reattach_tenant", *arguments, "--dry-run", stdout=out, stderr=io.StringIO())
    assert json.loads(out.getvalue()) == {
        "tenant_id": forgotten,
        "slug": "looked-at",
        "hosts": ["looked-at.localhost"],
        "shard": SHARD,
        "known": False,
        "done": False,
    }
    assert facts() == before
    assert kinds(found(forgotten)) == ["schema.without_tenant"]


def test_a_step_that_fails_leaves_it_suspended_and_the_next_run_goes_on(forgotten, settings):
    settings.TENANT_ARRIVAL_STEPS = [f"{__name__}.fails_once"]
    STEPS_RUN.clear()
    slug = f"again-{forgotten}"
    arguments = (forgotten, "--slug", slug)
    with pytest.raises(CommandError, match="not today") as failed:
        call_command("reattach_tenant", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert failed.value.returncode == 3
    assert isinstance(failed.value.__cause__, ReattachFailed)
    assert lookup(f"{slug}.localhost").verdict is Verdict.SUSPENDED
    out = io.StringIO()
    call_command("reattach_tenant", *arguments, stdout=out, stderr=io.StringIO())
    assert "known again since an earlier run, on alpha, suspended" in out.getvalue()
    assert [forgotten, forgotten] == STEPS_RUN
    assert groups(forgotten) == {"its own"}


def test_an_id_that_was_withheld_from_others_is_its_own_again(forgotten):
    others = ReservedRole.objects.using("control").filter(
        shard=SHARD, used_by="", placed_at=None, name__lt=forgotten
    )
    aside = list(others.values_list("name", flat=True))
    others.update(used_by="put aside")
    try:
        with pytest.raises(IdsInUse):
            provision_tenant(ProvisionRequest(slug="wants-one", shard=SHARD))
    finally:
        rows = ReservedRole.objects.using("control").filter(name__in=aside)
        rows.update(used_by="")
    reattach_tenant(forgotten, asked(forgotten))
    role = ReservedRole.objects.using("control").get(name=forgotten)
    assert role.placed_at is not None
    assert groups(forgotten) == {"its own"}


def test_a_control_that_never_knew_the_id_knows_it_then_as_used(forgotten):
    ReservedRole.objects.using("control").filter(name=forgotten).delete()
    reattach_tenant(forgotten, asked(forgotten))
    role = ReservedRole.objects.using("control").get(name=forgotten)
    assert (role.shard_id, role.placed_at is not None) == (SHARD, True)
    assert found(forgotten) == []


def test_what_cannot_be_done_exactly_is_refused_and_nothing_changes(forgotten, drifting, ann):
    before = facts()

    def refused(kind, match, tenant_id=forgotten, **request):
        with pytest.raises(kind, match=match):
            reattach_tenant(tenant_id, ProvisionRequest(**{"slug": "not-so", **request}))
        assert facts() == before

    refused(InvalidRequest, "no tenant's id", tenant_id="acme")
    refused(SlugTaken, "drift-ann", slug="drift-ann")
    refused(NotForgotten, "control knows it, as 'drift-ann'", tenant_id=ann)
    refused(NotForgotten, "control knows it, as 'drift-ann'", tenant_id=ann, slug="drift-ann")
    refused(NotForgotten, "no shard has a schema", tenant_id="t0nobodyat")
    Domain.objects.using("control").create(
        domain="taken.example.org", tenant_id=ann, is_primary=False
    )
    before = facts()
    refused(DomainTaken, "taken.example.org", domains=("taken.example.org",))
    mark(forgotten, phase="sealed")
    refused(NotForgotten, "its schema is sealed on alpha")
    mark(forgotten)
    roles = ReservedRole.objects.using("control").filter(name=forgotten)
    roles.update(placed_at=Now())
    refused(NotForgotten, "it was deleted")
    roles.update(placed_at=None, used_by="somebody-else")
    refused(NotForgotten, "just given this id to 'somebody-else'")
    roles.update(used_by="")
    plan_reattachment(forgotten, asked(forgotten))


def test_while_a_shard_is_away_nobody_knows_whether_it_has_the_later_copy(forgotten, stack_ready):
    before = facts()
    stack_ready.sigstop("beta")
    try:
        with pytest.raises(NotForgotten, match=r"what beta has is not known.* later copy"):
            reattach_tenant(forgotten, asked(forgotten))
    finally:
        stack_ready.sigcont("beta")
    assert facts() == before


def test_on_a_shard_that_was_restored_too_it_is_made_known_first_and_served_when_that_is_open(
    forgotten, stack_ready, alpha_again, monkeypatch
):
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack_ready.files.registry))
    call_command("seal_shard", SHARD, "--confirm", SHARD, stdout=io.StringIO())
    connections.close_all()
    request = asked(forgotten)
    with pytest.raises(ReattachFailed, match=r"is known again and stays suspended: .* is sealed"):
        reattach_tenant(forgotten, request)
    verdicts = {one.schema: one.fate for one in open_restored_shard(SHARD).verdicts}
    assert verdicts[forgotten] is Fate.SERVES, "what control does not know is sealed"
    time.sleep(1.1)  # a refusal stands for a second
    connections.close_all()
    assert reattach_tenant(forgotten, request).known
    assert groups(forgotten) == {"its own"}
    assert found(forgotten) == []
