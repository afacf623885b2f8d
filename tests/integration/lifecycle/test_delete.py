"""A deleted tenant is as if it had never been, and comes back as it was."""

import threading

import pytest
from django.db import connections

from accounts.models import User
from front.services.availability import availability_of
from front.services.finding import workspaces_of
from front.types import Availability
from migrations_tools.execution import Executor
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.placements.services.leases import lease
from tenants import errors
from tenants.services import errors as ends
from tenants.services.asking import check_free
from tenants.services.change_slug import change_slug
from tenants.services.delete import delete_tenant, plan_deletion
from tenants.services.domains import add_domain
from tenants.services.listing import show_tenant
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.purge import purge_tenant
from tenants.services.restore import plan_restoration, restore_tenant
from tenants.services.suspend import resume_tenant, suspend_tenant
from tenants.services.types import ProvisionRequest


def test_a_deleted_tenants_people_get_404_with_whatever_they_come(life):
    add_domain(life.slug, f"{life.slug}.example")
    member, token = life.member(), life.token()
    api = life.visitor(authorization=f"Bearer {token}")
    assert member.get("/").status_code == 200
    assert api.get("/api/v1/tickets").status_code == 200
    delete_tenant(life.slug, reason="asked for it")
    for visitor in (member, api, life.visitor(), life.visitor(f"{life.slug}.example")):
        for path in ("/", "/account/sign-in/", "/api/v1/tickets", "/static/x.css"):
            assert visitor.get(path).status_code == 404, path
    restore_tenant(life.slug, reason="wants it back")
    # What they had is as it was: session, token, further host.
    assert member.get("/").status_code == 200
    assert api.get("/api/v1/tickets").status_code == 200
    assert life.visitor(f"{life.slug}.example").get("/account/sign-in/").status_code == 200


def test_who_did_what_and_how_it_was_before_and_after_is_kept(life):
    delete_tenant(life.slug, reason="asked for it")
    restore_tenant(life.slug, reason="wants it back")
    (deleted,), (restored,) = life.audit("tenant.delete"), life.audit("tenant.restore")
    assert deleted.actor.startswith("shell:")
    assert deleted.before == {"state": "active", "slug": life.slug}
    assert (deleted.after["state"], deleted.after["reason"]) == ("deleted", "asked for it")
    assert restored.before == {"state": "deleted", "purge_after": deleted.after["purge_after"]}
    assert restored.after == {"state": "active", "reason": "wants it back"}


def test_deleting_twice_begins_no_grace_anew_and_is_audited_once(life):
    first = delete_tenant(life.slug)
    again = delete_tenant(life.id)
    assert (again.purge_after, again.deleted_at) == (first.purge_after, first.deleted_at)
    assert len(life.audit("tenant.delete")) == 1


def test_the_grace_is_what_the_setting_says(life, settings):
    settings.ATOLL_DELETION_GRACE_DAYS = 3
    row = delete_tenant(life.slug)
    assert (row.purge_after - row.deleted_at).days == 3


def test_a_suspended_tenant_comes_back_suspended(life):
    suspend_tenant(life.slug)
    delete_tenant(life.slug)
    assert life.status() == 404
    assert plan_restoration(life.slug)[1] == "suspended"
    restore_tenant(life.slug)
    assert (life.row.state, life.status()) == ("suspended", 403)


def test_nobody_else_gets_slug_or_hosts_while_it_is_kept(life, neighbours):
    domain = f"www.{life.slug}.example"
    add_domain(life.slug, domain)
    delete_tenant(life.slug)
    with pytest.raises(errors.SlugOfDeleted, match="restore_tenant"):
        plan_provision(ProvisionRequest(slug=life.slug, name="Somebody else"))
    with pytest.raises(errors.SlugOfDeleted):
        # The very request that made it: it is not "there already".
        provision_tenant(
            ProvisionRequest(slug=life.slug, name=f"The {life.slug}", admin_email=life.email)
        )
    with pytest.raises(errors.DomainTaken):
        check_free("another", (domain,))
    with pytest.raises(errors.SlugTaken):
        change_slug(neighbours[0].slug, life.slug)
    assert availability_of(life.slug).availability is Availability.TAKEN


def test_find_my_workspace_does_not_find_it_until_it_is_restored(life):
    assert len(workspaces_of([life.id])) == 1
    delete_tenant(life.slug)
    assert workspaces_of([life.id]) == []
    restore_tenant(life.slug)
    assert len(workspaces_of([life.id])) == 1


@pytest.mark.parametrize("change", ["suspend", "resume", "rename"])
def test_what_changes_a_tenant_refuses_a_deleted_one_and_points_to_restore(life, change):
    delete_tenant(life.slug)
    before = show_tenant(life.slug)
    changes = {
        "suspend": lambda: suspend_tenant(life.slug),
        "resume": lambda: resume_tenant(life.slug),
        "rename": lambda: change_slug(life.slug, "another-slug"),
    }
    with pytest.raises(errors.WrongTenantState, match=f"restore_tenant {life.slug}"):
        changes[change]()
    assert show_tenant(life.slug) == before


def test_it_is_shown_with_the_end_of_its_grace(life):
    row = delete_tenant(life.slug)
    line = show_tenant(life.slug)
    assert (line.state, line.served, line.purge) == ("deleted", "gone", "")
    assert line.purge_after == row.purge_after.isoformat()


def test_a_plan_says_what_would_be_done_and_does_nothing(life):
    before = show_tenant(life.slug)
    plan, now = plan_deletion(life.slug), plan_deletion(life.slug, now=True)
    assert plan.steps[0] == f"answer 404 on {life.host}"
    assert "keep its data until" in plan.steps[1]
    assert now.purge_after is None
    assert f"drop schema {life.id} on alpha" in now.steps[1]
    assert show_tenant(life.slug) == before


def pending_of(life, *, but_for_the_last_of=""):
    """What the schema lacks; with an app's label, after its last migration was taken back."""
    with session_bound(life.place):
        connection = connections[life.place.shard]
        executor = Executor(connection, note=lambda what: None)
        if but_for_the_last_of:
            leaf = executor.loader.graph.leaf_nodes(but_for_the_last_of)[0]
            (before,) = [
                node
                for node in executor.loader.graph.node_map[leaf].parents
                if node.key[0] == but_for_the_last_of
            ]
            executor.run(executor.migration_plan([before.key]), whole=False)
            executor = Executor(connection, note=lambda what: None)
        return [f"{each.app_label}.{each.name}" for each, _ in executor.pending()]


def test_a_restored_schema_has_the_migrations_of_the_meantime(life):
    delete_tenant(life.slug)
    (missed,) = pending_of(life, but_for_the_last_of="workspace")
    told = []
    restore_tenant(life.slug, tell=told.append)
    assert missed in told
    assert pending_of(life) == []
    assert life.status("/account/sign-in/") == 200


def test_a_tenant_whose_shard_is_away_stays_deleted_and_says_so(life, faulty):
    from sharding.registry import current as registry
    from tests.faults.down import Down

    delete_tenant(life.slug)
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with (
            faulty.down("alpha", Down.REFUSED),
            pytest.raises(ends.RestoreFailed, match="stays deleted"),
        ):
            restore_tenant(life.slug)
    finally:
        registry.install(real)
    assert (life.row.state, life.status()) == ("deleted", 404)
    restore_tenant(life.slug)
    assert life.status("/account/sign-in/") == 200


def test_somebody_elses_lease_is_waited_for_by_nobody(life):
    delete_tenant(life.slug)
    with (
        lease(life.id, "migrate"),
        pytest.raises(ends.RestoreFailed, match="holds the lease"),
    ):
        restore_tenant(life.slug)
    assert life.row.state == "deleted"
    restore_tenant(life.slug)


@pytest.mark.parametrize("point", ["schema brought up to date", "in the restoring"])
def test_a_restoring_that_was_killed_is_finished_by_the_next(life, killed_at, point):
    delete_tenant(life.slug)
    killed_at(point, "restore", life.slug)
    assert (life.row.state, life.status()) == ("deleted", 404)
    restore_tenant(life.slug)
    assert life.status("/account/sign-in/") == 200
    with life.scope():
        assert User.objects.get().email == life.email


def test_of_a_restoring_and_a_purge_at_once_exactly_one_wins(doomed):
    delete_tenant(doomed.slug)
    done, barrier = {}, threading.Barrier(2)

    def run(name, work):
        barrier.wait(10)
        try:
            work()
            done[name] = True
        except (errors.TenantError, scope.UnknownTenant) as error:
            done[name] = error
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=("restore", lambda: restore_tenant(doomed.slug))),
        threading.Thread(target=run, args=("purge", lambda: purge_tenant(doomed.slug, early=True))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each is True for each in done.values()].count(True) == 1, done
    if done["restore"] is True:
        assert doomed.status("/account/sign-in/") == 200
    else:
        assert doomed.left() == set()


def test_one_that_is_being_made_is_not_deleted_but_taken_back(life):
    from tenants.models import Tenant

    Tenant.objects.using("control").filter(id=life.id).update(state="provisioning")
    try:
        with pytest.raises(errors.WrongTenantState, match="--undo takes it back"):
            delete_tenant(life.slug)
        with pytest.raises(errors.WrongTenantState):
            restore_tenant(life.slug)
    finally:
        Tenant.objects.using("control").filter(id=life.id).update(state="active")
