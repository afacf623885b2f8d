"""From a held slug to an open workspace, whatever happens on the way."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from front.errors import LinkVoid, NotReady, UnknownSignUp
from front.keys import confirmation_token, progress_key
from front.models import CONTROL, SignUp
from front.services import confirming, making, sweeping
from front.services.entering import way_in
from front.services.progress import progress_of
from front.services.telling import send_ready
from front.states import SignUpState
from front.tasks import mail_ready, make_workspace
from front.types import StepState
from sharding import scope
from sharding.placements.models import AuditEntry
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from tenants.models import Domain, Provisioning, Tenant
from tenants.services.finding import placement_of
from tenants.services.provision import provision_tenant
from tenants.services.suspend import resume_tenant, suspend_tenant
from tenants.services.types import ProvisionRequest
from tenants.services.undo import undo_provision
from tenants.states import ProvisionState
from tests.integration.front.conftest import again, link_in, onward_of, send, tenants_of
from tests.integration.front.test_sign_up import at_once

PASSWORD = "a password of the tests"


@pytest.fixture
def confirmed(ask, wish):
    """A sign-up that holds its slug."""

    def confirm(**wanted):
        return confirming.confirm_sign_up(confirmation_token(ask(wish(**wanted)).pk))

    return confirm


def hold_back(settings):
    """Let provisioning fail in its last step."""
    settings.TENANT_PROVISION_STEPS = ["tests.integration.front.no_such_step"]


def states(progress):
    return [step.state for step in progress.steps]


def test_the_workspace_is_made_and_its_first_admin_walks_in(confirmed, visitor, broker, work):
    row = confirmed()
    key = progress_key(row.pk)
    page = visitor.get(f"/sign-up/progress/{key}/")
    assert b"Your own database is built" in page.content
    assert b"hx-get" in page.content
    assert making.make_workspace(row.pk) is SignUpState.READY
    (tenant,) = tenants_of(row.slug)
    assert (again(row).tenant_id, tenant.name, tenant.state) == (tenant.id, row.name, "active")
    # The audit is kept for good, and says nothing of whose address it was.
    told = AuditEntry.objects.using(CONTROL).filter(subject=tenant.id)
    assert told.filter(action="tenant.claim").exists()
    assert row.email not in str(list(told.values()))
    # The piece of the page that is fetched again and again leads on, and so does the page.
    onward = visitor.get(f"/sign-up/progress/{key}/steps/")["hx-redirect"]
    page = visitor.get(f"/sign-up/progress/{key}/")
    assert onward_of(page) == onward
    assert 'hx-trigger="load"' in page.content.decode()
    welcome = visitor.get(onward)["location"]
    assert welcome.startswith(f"http://{row.slug}.localhost/")
    member = Client(headers={"host": f"{row.slug}.localhost"}, enforce_csrf_checks=True)
    path = "/" + welcome.split("/", 3)[3]
    while (page := member.get(path)).status_code == 302:
        path = page["location"]
    names = re.findall(rb'<input type="password" name="(\w+)"', page.content)
    assert names
    answer = send(member, path, **{name.decode(): PASSWORD for name in names})
    assert answer.status_code == 302
    assert member.get("/tickets/").status_code == 200
    # A second use of the hand-over leads to the sign-in page, and so does the link of the mail.
    assert visitor.get(onward)["location"].endswith("/account/sign-in/")
    stranger = Client(headers={"host": f"{row.slug}.localhost"})
    used = stranger.get("/" + welcome.split("/", 3)[3], follow=True)
    assert (
        b'type="password"' not in used.content or b"sign-in" in used.request["PATH_INFO"].encode()
    )


def test_no_form_is_led_to_another_host_by_redirects(ask, wish, visitor):
    """Browsers would not go there: the policy lets forms go to their own host only."""
    row = ask(wish())
    path = f"/sign-up/confirm/{confirmation_token(row.pk)}/"
    page = visitor.get(path)
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)[1].decode()
    assert "form-action 'self'" in page["content-security-policy"]
    # In another tab, or while the answer to this form is on its way.
    confirming.confirm_sign_up(confirmation_token(row.pk))
    making.make_workspace(row.pk)
    answer = visitor.post(path, {"csrfmiddlewaretoken": token}, follow=True)
    assert [to for to, _ in answer.redirect_chain if not to.startswith("/")] == []
    assert visitor.get(onward_of(answer))["location"].startswith(f"http://{row.slug}.localhost/")


def test_the_way_in_holds_for_one_workspace_only(confirmed):
    one, other = confirmed(), confirmed()
    for row in (one, other):
        making.make_workspace(row.pk)
    path = "/" + way_in(one.pk).split("/", 3)[3]
    astray = Client(headers={"host": f"{other.slug}.localhost"}).get(path, follow=True)
    assert b'name="new_password' not in astray.content


def test_what_is_done_is_audited_as_the_sign_ups_and_names_no_address(confirmed):
    row = confirmed()
    making.make_workspace(row.pk)
    (tenant,) = tenants_of(row.slug)
    entries = AuditEntry.objects.using(CONTROL)
    actors = set(entries.filter(subject=tenant.id).values_list("actor", flat=True))
    assert actors == {f"sign-up:{row.pk}"}
    said = entries.filter(subject=str(row.pk)).order_by("id").values_list("action", flat=True)
    assert list(said) == ["sign_up.confirmed", "sign_up.making", "sign_up.ready"]
    assert row.email not in str(list(entries.filter(subject=str(row.pk)).values()))


def test_a_second_run_changes_nothing(confirmed):
    row = confirmed()
    making.make_workspace(row.pk)
    before = SignUp.objects.using(CONTROL).values().get(pk=row.pk)
    assert making.make_workspace(row.pk) is None
    assert SignUp.objects.using(CONTROL).values().get(pk=row.pk) == before
    assert len(tenants_of(row.slug)) == 1


def test_of_many_workers_at_once_one_makes_one_tenant(confirmed):
    row = confirmed()
    ends = at_once(*[lambda: making.make_workspace(row.pk)] * 4)
    assert ends.count(SignUpState.READY) >= 1
    assert set(ends) <= {SignUpState.READY, None}
    assert again(row).state == SignUpState.READY
    (tenant,) = tenants_of(row.slug)
    assert again(row).tenant_id == tenant.id
    with scope.enter(placement_of(tenant)):
        assert User.objects.filter(email=row.email).count() == 1


def test_a_claim_between_two_looks_is_known_as_our_own(confirmed):
    row = confirmed()
    request, tenant_id = making.request_of(row), reserve_tenant_id("alpha", used_by=row.slug)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(using=CONTROL), connections[CONTROL].cursor() as cursor:
            # The slower task looks for the tenant, finds none, and waits for its second look.
            cursor.execute("LOCK TABLE tenants_retiredslug IN ACCESS EXCLUSIVE MODE")
            slower = pool.submit(in_a_thread, making.make_workspace, row.pk)
            while not waits_for_a_lock(cursor):
                assert not slower.done()
            tenant = Tenant(id=tenant_id, schema_name=tenant_id, slug=row.slug, name=row.name)
            tenant.save(using=CONTROL, force_insert=True)
            domain = Domain(domain=f"{row.slug}.localhost", tenant=tenant, is_primary=True)
            domain.save(using=CONTROL, force_insert=True)
            create_placement(tenant_id, "alpha")
            Provisioning.objects.using(CONTROL).create(tenant=tenant, asked=request.asked())
        assert slower.result(20) is None
    assert again(row).state == SignUpState.MAKING
    assert making.make_workspace(row.pk) is SignUpState.READY
    assert again(row).tenant_id == tenant_id


def in_a_thread(call, *args):
    try:
        return call(*args)
    finally:
        connections.close_all()


def waits_for_a_lock(cursor):
    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return cursor.fetchone()[0]


def test_who_meets_another_worker_leaves_it_to_that_one(confirmed, settings):
    row = confirmed()
    hold_back(settings)
    making.make_workspace(row.pk)
    settings.TENANT_PROVISION_STEPS = ["accounts.provision.first_admin"]
    (tenant,) = tenants_of(row.slug)
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(try_after=timezone.now())
    with lease(tenant.id, "provision", timedelta(seconds=30)):
        assert making.make_workspace(row.pk) is None
        assert again(row).state == SignUpState.MAKING
    assert making.make_workspace(row.pk) is SignUpState.READY


def test_what_fails_is_kept_told_and_tried_again(confirmed, settings, visitor):
    row = confirmed()
    hold_back(settings)
    assert making.make_workspace(row.pk) is SignUpState.FAILED
    failed = again(row)
    assert "no_such_step" in failed.last_error
    assert failed.try_after > timezone.now()
    page = visitor.get(f"/sign-up/progress/{progress_key(row.pk)}/").content
    assert b"try again by ourselves" in page
    assert b"no_such_step" not in page
    assert states(progress_of(failed)) == [StepState.DONE] * 3 + [StepState.LATER] * 2
    # Not before its time, and then by the sweep.
    assert making.make_workspace(row.pk) is None
    assert sweeping.to_be_made() == []
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(try_after=timezone.now())
    assert sweeping.to_be_made() == [row.pk]
    settings.TENANT_PROVISION_STEPS = ["accounts.provision.first_admin"]
    assert making.make_workspace(row.pk) is SignUpState.READY
    assert again(row).last_error == ""


def test_after_some_failures_a_person_is_asked(confirmed, settings, visitor):
    settings.ATOLL_SIGN_UP_TRIES = 2
    row = confirmed()
    hold_back(settings)
    making.make_workspace(row.pk)
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(try_after=timezone.now())
    making.make_workspace(row.pk)
    assert again(row).try_after is None
    assert sweeping.to_be_made() == []
    page = visitor.get(f"/sign-up/progress/{progress_key(row.pk)}/").content
    assert b"somebody of us has to look" in page
    settings.TENANT_PROVISION_STEPS = ["accounts.provision.first_admin"]
    assert making.retry_sign_up(row.pk, dry_run=True).try_after is None
    making.retry_sign_up(row.pk)
    assert making.make_workspace(row.pk) is SignUpState.READY


def test_a_task_that_is_killed_each_time_ends_too(confirmed, settings):
    settings.ATOLL_SIGN_UP_TRIES = 2
    row = confirmed()
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(state=SignUpState.MAKING, tries=2)
    assert making.make_workspace(row.pk) is None
    assert (again(row).state, again(row).try_after) == (SignUpState.FAILED, None)


def test_a_slug_that_an_operator_took_meanwhile_is_asked_for_anew(confirmed):
    row = confirmed()
    theirs = provision_tenant(ProvisionRequest(slug=row.slug, name="Somebody else"))
    assert making.make_workspace(row.pk) is SignUpState.CHOOSING
    (tenant,) = tenants_of(row.slug)
    assert (tenant.id, again(row).tenant_id) == (theirs.tenant_id, None)
    with pytest.raises(NotReady):
        way_in(row.pk)
    confirming.choose_slug(row.pk, f"{row.slug}-2")
    assert making.make_workspace(row.pk) is SignUpState.READY
    assert again(row).tenant_id != theirs.tenant_id


def test_a_tenant_that_another_sign_up_has_is_nobody_elses(confirmed, ask, wish):
    row = confirmed()
    making.make_workspace(row.pk)
    same = ask(wish(email=row.email, name=row.name))
    # As if the slug had been held: provisioning would find its work done.
    SignUp.objects.using(CONTROL).filter(pk=same.pk).update(
        slug=row.slug, state=SignUpState.CONFIRMED
    )
    assert making.make_workspace(same.pk) is SignUpState.CHOOSING
    assert again(same).tenant_id is None


def test_nothing_is_made_of_what_is_not_confirmed_or_is_over(ask, wish):
    row = ask(wish())
    for state in (SignUpState.WAITING, SignUpState.CHOOSING, SignUpState.EXPIRED):
        SignUp.objects.using(CONTROL).filter(pk=row.pk).update(state=state)
        assert making.make_workspace(row.pk) is None
        assert again(row).state == state
    assert tenants_of(row.slug) == []
    SignUp.objects.using(CONTROL).filter(pk=row.pk).delete()
    with pytest.raises(UnknownSignUp):
        making.make_workspace(row.pk)


def test_a_lost_task_is_found_by_the_sweep(confirmed):
    row = confirmed()
    assert sweeping.to_be_made() == []
    long_ago = timezone.now() - timedelta(minutes=1)
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(changed_at=long_ago)
    assert sweeping.to_be_made() == [row.pk]
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(
        state=SignUpState.MAKING, beat_at=timezone.now()
    )
    assert sweeping.to_be_made() == []
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(beat_at=long_ago)
    assert sweeping.to_be_made() == [row.pk]


def test_steps_follow_the_journal(confirmed, settings):
    row = confirmed()
    assert states(progress_of(row)) == ["done", "now", "later", "later", "later"]
    hold_back(settings)
    making.make_workspace(row.pk)
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(state=SignUpState.MAKING)
    journal = Provisioning.objects.using(CONTROL).filter(tenant__slug=row.slug)
    for reached, now in (
        (ProvisionState.CLAIMED, 2),
        (ProvisionState.BUILT, 3),
        (ProvisionState.SEEDED, 4),
    ):
        journal.update(state=reached)
        assert states(progress_of(again(row))).index("now") == now
    journal.update(state=ProvisionState.BUILT)


def test_a_tenant_that_is_taken_back_is_made_anew_by_the_next_try(confirmed, settings):
    row = confirmed()
    hold_back(settings)
    making.make_workspace(row.pk)
    undo_provision(row.slug)
    assert again(row).state == SignUpState.FAILED
    settings.TENANT_PROVISION_STEPS = ["accounts.provision.first_admin"]
    making.retry_sign_up(row.pk)
    assert making.make_workspace(row.pk) is SignUpState.READY
    assert len(tenants_of(row.slug)) == 1


def test_who_closed_the_page_is_told_by_mail(confirmed, visitor, broker, work):

    row = confirmed()
    make_workspace.delay(str(row.pk))
    # Twice: as a broker may do.
    make_workspace.delay(str(row.pk))
    work()
    (message,) = mail.outbox
    assert message.to == [row.email]
    assert f"{row.slug}.localhost" in message.body
    address = next(line for line in message.body.splitlines() if "/sign-up/progress/" in line)
    onward = onward_of(visitor.get("/" + address.split("/", 3)[3]))
    assert f"http://{row.slug}.localhost/" in visitor.get(onward)["location"]
    assert again(row).told_at is not None
    mail_ready.delay(str(row.pk))
    work()
    assert len(mail.outbox) == 1
    assert link_in(message)


def test_nobody_is_called_to_a_workspace_that_was_closed_meanwhile(confirmed):
    row = confirmed()
    making.make_workspace(row.pk)
    suspend_tenant(row.slug)
    send_ready(row.pk)
    assert mail.outbox == []
    assert again(row).told_at is not None
    resume_tenant(row.slug)


def test_a_deleted_tenant_leaves_a_link_that_holds_no_more(confirmed, visitor):
    row = confirmed()
    making.make_workspace(row.pk)
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(tenant=None)
    with pytest.raises(LinkVoid):
        way_in(row.pk)
    assert visitor.get(f"/sign-up/enter/{progress_key(row.pk)}/").status_code == 410


def test_a_shard_that_is_away_is_no_reason_to_lose_the_slug(confirmed, stack, visitor):
    row = confirmed()
    for name in ("alpha", "beta"):
        stack.stop_server(name)
    try:
        assert making.make_workspace(row.pk) is SignUpState.FAILED
    finally:
        for name in ("alpha", "beta"):
            stack.start_server(name)
        # What this thread had open ended with the servers.
        connections.close_all()
    assert tenants_of(row.slug) == []
    making.retry_sign_up(row.pk)
    assert making.make_workspace(row.pk) is SignUpState.READY
