"""Making tenants: what is made, what is refused, what is the same request again, steps."""

import dataclasses
import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connections
from django.utils import timezone

from accounts.models import User
from sharding import scope
from sharding.placements.models import AuditEntry, ReservedRole
from tenants import errors
from tenants.models import Domain, Provisioning, RetiredSlug, Tenant
from tenants.services.change_slug import change_slug, purge_retired_slugs
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionRequest
from tests.integration.tenants.inventory import everything, taken_back
from tests.integration.tenants.victim import PASSWORD


def test_a_tenant_is_made_where_it_was_asked_for(ann, cyd, consistent):
    assert (ann.place.shard, cyd.place.shard) == ("alpha", "beta")
    assert ann.place.schema == ann.id
    with ann.scope():
        assert [user.email for user in User.objects.all()] == [ann.email]
        assert User.objects.get().check_password(PASSWORD)
    # Its epoch may have grown since: other tests suspend it and open it again.
    found = scope.resolve(ann.id)
    assert (found.shard, found.schema) == (ann.place.shard, ann.place.schema)
    actions = AuditEntry.objects.using("control").filter(subject=ann.id)
    assert {"tenant.claim", "placement.create", "tenant.open"} <= {a.action for a in actions}
    assert PASSWORD not in str(list(actions.values()))
    consistent()


def test_saving_and_deleting_rows_touches_no_schema(tenants):
    before = everything()
    tenant = Tenant.objects.using("control").get(slug="ann")
    tenant.save(using="control")
    with pytest.raises(TypeError):
        tenant.delete(using="control", force_drop=True)
    with pytest.raises(TypeError):
        tenant.create_schema()
    row = Tenant(id="t0000000000", schema_name="t0000000000", slug="rowonly", name="x")
    row.save(using="control")
    row.delete(using="control")
    assert everything() == before


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ProvisionRequest(slug="Acme"), errors.InvalidSlug),
        (ProvisionRequest(slug="../etc"), errors.InvalidSlug),
        (ProvisionRequest(slug="a'b"), errors.InvalidSlug),
        (ProvisionRequest(slug="a%b"), errors.InvalidSlug),
        (ProvisionRequest(slug="é" * 40), errors.InvalidSlug),
        (ProvisionRequest(slug="console"), errors.InvalidSlug),
        (ProvisionRequest(slug="ann", shard="beta"), errors.SlugTaken),
        (ProvisionRequest(slug="ann", name="Somebody else"), errors.SlugTaken),
        (ProvisionRequest(slug="new", shard="gamma"), Exception),
        (ProvisionRequest(slug="new", domains=("ann.localhost",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("localhost",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("..",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("taken.example",)), errors.DomainTaken),
        (ProvisionRequest(slug="new", name="x" * 151), errors.InvalidRequest),
        (ProvisionRequest(slug="new", name="a\0b"), errors.InvalidRequest),
        (ProvisionRequest(slug="new", admin_email="nobody"), errors.InvalidRequest),
        (ProvisionRequest(slug="new", admin_password="x"), errors.InvalidRequest),
        (
            ProvisionRequest(slug="new", admin_email="a@b.example", admin_password="1"),
            errors.InvalidRequest,
        ),
        (ProvisionRequest(slug="resting"), errors.SlugQuarantined),
    ],
    ids=lambda value: getattr(value, "slug", None) and str(value)[17:70],
)
@pytest.mark.parametrize("do", [plan_provision, provision_tenant])
def test_what_cannot_be_made_is_refused_and_nothing_changes(ann, bob, request_, error, do):
    domain = Domain(domain="taken.example", tenant_id=bob.id, is_primary=False)
    domain.save(using="control")
    resting = RetiredSlug.objects.using("control").create(
        slug="resting", tenant_id=bob.id, until=timezone.now() + timedelta(days=1)
    )
    before = everything()
    try:
        with pytest.raises(error) as caught:
            do(request_)
        assert everything() == before
        assert not ReservedRole.objects.using("control").filter(used_by="new").exists()
        assert str(caught.value)
    finally:
        domain.delete(using="control")
        resting.delete(using="control")


def test_the_same_request_again_changes_nothing(ann):
    before = everything()
    again = provision_tenant(
        ProvisionRequest(
            slug="ann", shard="alpha", admin_email=ann.email, admin_password="another one, long"
        )
    )
    assert (again.created, again.tenant_id) == (False, ann.id)
    assert everything() == before
    with ann.scope():
        assert User.objects.get().check_password(PASSWORD)


def test_control_keeps_no_address_and_knows_the_same_request_by_it_all_the_same(ann, settings):
    kept = Provisioning.objects.using("control").get(tenant_id=ann.id).asked
    assert ann.email not in str(kept)
    assert kept["admin"]
    same = ProvisionRequest(slug="ann", shard="alpha", admin_email=ann.email)
    assert plan_provision(same).done
    with pytest.raises(errors.SlugTaken):
        plan_provision(dataclasses.replace(same, admin_email=f"x{ann.email}"))
    # Another key: without the old one nobody could know it again.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, as long as keys should be: " + "k" * 40
    assert plan_provision(same).done
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(errors.SlugTaken):
        plan_provision(same)


def test_addresses_that_control_kept_so_far_are_hashed_once(ann):
    hashing = import_module("tenants.migrations.0005_no_address_of_admins")
    rows = Provisioning.objects.using("control").filter(tenant_id=ann.id)
    kept = rows.get().asked
    older = {name: kept[name] for name in kept if name != "admin"}
    rows.update(asked={**older, "admin_email": ann.email})
    for _ in range(2):
        hashing.hash_addresses(apps, None)
        assert rows.get().asked == kept


def test_a_slug_that_was_given_up_rests_but_not_for_its_owner(bob):
    change_slug("bob", "robert")
    try:
        with pytest.raises(errors.SlugQuarantined, match="rests until"):
            plan_provision(ProvisionRequest(slug="bob"))
        assert Domain.objects.using("control").get(tenant_id=bob.id).domain == "robert.localhost"
        with pytest.raises(errors.SlugTaken):
            change_slug("ann", "robert")
    finally:
        change_slug(bob.id, "bob")
    purge_retired_slugs()
    RetiredSlug.objects.using("control").filter(slug="robert").update(until="2001-01-01T00:00Z")
    assert purge_retired_slugs() == 1


def test_of_many_that_begin_at_the_same_instant_one_makes_it(tenants, consistent):
    results: list[object] = []
    barrier = threading.Barrier(4)

    def run():
        barrier.wait(10)
        try:
            results.append(provision_tenant(ProvisionRequest(slug="race", shard="beta")).created)
        except (errors.BeingProvisioned, errors.SlugTaken) as error:
            results.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(True) == 1, results
    assert Tenant.objects.using("control").get(slug="race").state == "active"
    assert not ReservedRole.objects.using("control").filter(used_by="race", placed_at=None)
    consistent()
    taken_back("race")


def test_a_step_that_fails_is_told_and_run_again(tenants, settings):
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.failing_step"]
    request_ = ProvisionRequest(slug="steps", shard="alpha")
    with pytest.raises(errors.ProvisionFailed, match=r"failing_step: RuntimeError: not today\."):
        provision_tenant(request_)
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.good_step"]
    assert provision_tenant(request_).created
    assert ran == ["steps"]
    taken_back("steps")


def test_what_the_server_quotes_of_a_tenants_rows_reaches_neither_control_nor_its_operators(
    tenants, settings
):
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.quoted_step"]
    request_ = ProvisionRequest(slug="quoted", shard="alpha")
    with pytest.raises(errors.ProvisionFailed) as caught:
        provision_tenant(request_)
    kept = Provisioning.objects.using("control").get(tenant__slug="quoted").last_error
    for said in (str(caught.value), kept):
        assert 'IntegrityError: duplicate key value violates unique constraint "auth_group' in said
        assert "ann@example.org" not in said
    assert "ann@example.org" in str(caught.value.__cause__), "the server did quote it"
    taken_back("quoted")


ran: list[str] = []


def quoted_step(entry, request):
    for _ in range(2):
        Group.objects.create(name="ann@example.org")


def failing_step(entry, request):
    raise RuntimeError("not today")


def good_step(entry, request):
    assert scope.tenant().tenant_id == entry.tenant_id
    ran.append(request.slug)
