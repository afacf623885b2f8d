"""What is purged is gone: on its shard, in the files, in control. However often it is killed."""

import threading
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone

from console.tasks import purge_deleted_tenants
from front.errors import LinkVoid
from front.models import KnownAddress, SignUp
from front.services.availability import availability_of
from front.services.entering import way_in
from front.types import Availability
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants import errors
from tenants.models import RetiredSlug
from tenants.services import errors as ends
from tenants.services.delete import delete_tenant
from tenants.services.listing import show_tenant
from tenants.services.provision import plan_provision
from tenants.services.purge import PurgedTenant, purge_tenant
from tenants.services.purge_due import purge_due, tenants_to_purge
from tenants.services.restore import restore_tenant
from tenants.services.types import ProvisionRequest
from tests.faults.down import Down
from tests.fixtures.waiting import kill_and_see_it_gone
from tests.integration.lifecycle.conftest import lose, make

CONTROL = "control"


@pytest.fixture
def another(doomed):
    """One on beta that the test may lose as well."""
    made = make(f"{doomed.slug}-too", "beta")
    yield made
    lose(made.id)


def save_files(life):
    with life.scope():
        for name in ("a.txt", "logo/b.txt", "exports/2026/c.csv"):
            default_storage.save(name, ContentFile(b"x"))
        return Path(default_storage.location)


def know_somebody(life):
    KnownAddress.objects.using(CONTROL).create(
        tenant_id=life.id, user="00000000-0000-4000-8000-000000000001", digest="d" * 64
    )


def assert_gone(life, folder=None):
    assert life.left() == set()
    assert life.has_role()  # its id is never used again
    assert life.status() == 404
    assert not KnownAddress.objects.using(CONTROL).filter(tenant_id=life.id).exists()
    assert RetiredSlug.objects.using(CONTROL).get(slug=life.slug).tenant_id == life.id
    assert folder is None or not folder.exists()


def test_a_purge_leaves_the_audit_and_a_slug_that_rests(doomed, neighbours):
    folder = save_files(doomed)
    others = save_files(neighbours[0])
    know_somebody(doomed)
    delete_tenant(doomed.slug)
    doomed.let_grace_pass()
    (result,) = [each for each in purge_due(tenants_to_purge()) if each.tenant_id == doomed.id]
    assert (result.error, result.files) == ("", 3)
    assert result.tables > 10
    assert_gone(doomed, folder)
    assert (others / "logo/b.txt").exists()
    (begun,), (purged,) = doomed.audit("tenant.purge.begin"), doomed.audit("tenant.purge")
    assert begun.after == {"early": False}
    assert (purged.before["slug"], purged.before["hosts"]) == (doomed.slug, [doomed.host])
    with pytest.raises(errors.SlugQuarantined):
        plan_provision(ProvisionRequest(slug=doomed.slug))
    assert availability_of(doomed.slug).availability is Availability.RESTING
    with pytest.raises(errors.UnknownSlug):
        show_tenant(doomed.slug)


def test_beats_task_purges_what_is_due_and_nothing_else(doomed, another):
    delete_tenant(doomed.slug)
    delete_tenant(another.slug)
    doomed.let_grace_pass()
    purge_deleted_tenants()
    assert_gone(doomed)
    assert another.left() == {"tenant", "domains", "placement", "schema", "marker"}
    restore_tenant(another.slug)
    assert another.status("/account/sign-in/") == 200


def test_before_its_grace_is_over_it_is_purged_only_early(doomed):
    delete_tenant(doomed.slug)
    with pytest.raises(ends.PurgeNotDue, match=r"delete_tenant .* --now"):
        purge_tenant(doomed.slug)
    with pytest.raises(ends.PurgeNotDue):
        tenants_to_purge(doomed.slug)
    assert not show_tenant(doomed.slug).purge
    purge_tenant(doomed.slug, early=True)
    assert_gone(doomed)


def test_what_is_not_deleted_is_not_purged(doomed):
    with pytest.raises(errors.WrongTenantState):
        purge_tenant(doomed.slug, early=True)
    with pytest.raises(errors.WrongTenantState):
        tenants_to_purge(doomed.slug)
    with pytest.raises(errors.UnknownSlug):
        purge_tenant("nobody-at-all", early=True)
    assert doomed.status("/account/sign-in/") == 200


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("in the beginning", marks=pytest.mark.slow),
        "begun",
        "between batches",
        pytest.param("dropped", marks=pytest.mark.slow),
        pytest.param("dropped and journaled", marks=pytest.mark.slow),
        "before the steps",
        pytest.param("cleared", marks=pytest.mark.slow),
        pytest.param("cleared and journaled", marks=pytest.mark.slow),
        "in the forgetting",
        pytest.param("forgotten", marks=pytest.mark.slow),
    ],
)
def test_a_purge_that_was_killed_anywhere_is_finished_by_the_next(doomed, killed_at, point):
    folder = save_files(doomed)
    know_somebody(doomed)
    delete_tenant(doomed.slug)
    killed_at(point, "purge", doomed.slug)
    if point == "in the beginning":
        # Nothing is decided yet: there is still a way back.
        assert show_tenant(doomed.slug).purge == ""
        restore_tenant(doomed.slug)
        delete_tenant(doomed.slug)
        doomed.let_grace_pass()
    elif point != "forgotten":
        assert doomed.status() == 404
        assert show_tenant(doomed.slug).purge
        with pytest.raises(ends.PurgeBegun, match="purge_deleted"):
            restore_tenant(doomed.slug)
    results = [each for each in purge_due(tenants_to_purge()) if each.tenant_id == doomed.id]
    assert [each.error for each in results] == ([] if point == "forgotten" else [""])
    assert_gone(doomed, folder)
    assert len(doomed.audit("tenant.purge")) == 1


def test_of_two_purges_at_once_one_works_and_the_other_is_told(doomed, victims, tmp_path, settings):
    delete_tenant(doomed.slug)
    words = (settings.MEDIA_ROOT, "purge", doomed.slug)
    pid = victims.begin("between batches", tmp_path / "point", *words)
    try:
        with pytest.raises(ends.PurgeFailed, match=f":{pid}:"):
            purge_tenant(doomed.slug, early=True)
    finally:
        kill_and_see_it_gone(pid)


def test_of_many_purges_that_begin_at_one_instant_one_is_enough(doomed):
    delete_tenant(doomed.slug)
    told, barrier = [], threading.Barrier(4)

    def run():
        barrier.wait(10)
        try:
            told.append(purge_tenant(doomed.slug, early=True).tenant_id)
        except errors.TenantError as error:
            told.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count(doomed.id) == 1, told
    assert set(told) <= {doomed.id, "tenants.purge_failed", "tenants.unknown_slug"}, told
    assert_gone(doomed)


def test_a_tenant_that_somebody_works_with_is_told_and_purged_later(doomed, monkeypatch):
    from functools import partial

    from tenants.services import purge

    impatient = partial(purge.drop_schema, give_up_after=purge.timedelta(milliseconds=300))
    delete_tenant(doomed.slug)
    with own_connection(registry.shard("alpha")) as connection, connection.transaction():
        connection.execute(f'SELECT count(*) FROM "{doomed.id}".accounts_user')
        with monkeypatch.context() as patch:
            patch.setattr(purge, "drop_schema", impatient)
            with pytest.raises(ends.PurgeFailed, match="lock that somebody else holds"):
                purge_tenant(doomed.slug, early=True)
        assert "lock that somebody else" in show_tenant(doomed.slug).purge
    purge_tenant(doomed.slug)
    assert_gone(doomed)


def test_a_shard_that_is_away_stops_one_purge_and_no_other(doomed, another, faulty):
    for each in (doomed, another):
        delete_tenant(each.slug)
        each.let_grace_pass()
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with faulty.down("alpha", Down.REFUSED):
            results = {each.tenant_id: each.error for each in purge_due(tenants_to_purge())}
    finally:
        registry.install(real)
    assert (results[doomed.id][:9], results[another.id]) == ("The purge", "")
    assert_gone(another)
    purge_tenant(doomed.slug)
    assert_gone(doomed)


told_steps: list[PurgedTenant] = []


def failing_step(tenant):
    raise RuntimeError("not today")


def good_step(tenant):
    told_steps.append(tenant)


def test_a_step_that_fails_is_told_and_run_again(doomed, settings):
    settings.TENANT_PURGE_STEPS = [f"{__name__}.failing_step"]
    delete_tenant(doomed.slug)
    with pytest.raises(ends.PurgeFailed, match=r"failing_step: RuntimeError: not today\."):
        purge_tenant(doomed.slug, early=True)
    # Its data is gone already; its slug and hosts are kept until all is done.
    assert doomed.left() == {"tenant", "domains", "placement"}
    assert "not today" in show_tenant(doomed.slug).purge
    settings.TENANT_PURGE_STEPS = [f"{__name__}.good_step"]
    purge_tenant(doomed.slug)
    assert told_steps == [
        PurgedTenant(doomed.id, doomed.slug, f"The {doomed.slug}", (doomed.host,))
    ]
    assert_gone(doomed)


def test_a_link_out_of_its_folder_is_deleted_and_not_followed(doomed, neighbours):
    folder, others = save_files(doomed), save_files(neighbours[0])
    (folder / "link").symlink_to(others)
    delete_tenant(doomed.slug)
    purge_tenant(doomed.slug, early=True)
    assert_gone(doomed, folder)
    assert (others / "a.txt").exists()


def test_the_public_host_forgets_the_sign_up_and_nobody_elses(doomed, neighbours):
    def sign_up(tenant, slug):
        return SignUp.objects.using(CONTROL).create(
            email=f"somebody@{slug}.example",
            name="Somebody",
            slug=slug,
            state="ready",
            token_hash=slug,
            token_until=timezone.now(),
            tenant_id=tenant.id,
        )

    gone, kept = sign_up(doomed, doomed.slug), sign_up(neighbours[1], neighbours[1].slug)
    delete_tenant(doomed.slug)
    with pytest.raises(LinkVoid):
        way_in(gone.pk)
    purge_tenant(doomed.slug, early=True)
    left = SignUp.objects.using(CONTROL).filter(pk__in=[gone.pk, kept.pk])
    assert [each.pk for each in left] == [kept.pk]
    kept.delete(using=CONTROL)
