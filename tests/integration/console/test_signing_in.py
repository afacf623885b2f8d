"""Only a person with password and device gets in, and what is tried is written down."""

import threading
import time

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from console.models import CONTROL, OperatorSession, SignInFailure, TotpDevice
from console.services.factors import make_recovery_codes
from console.services.operators import set_active
from console.tasks import purge_control
from sharding.placements.models import AuditEntry
from tests.integration.console.conftest import code_of, wrong

COOKIE = settings.SESSION_COOKIE_NAME


def newest(action):
    return AuditEntry.objects.using(CONTROL).filter(action=action).latest("id")


def is_in(visitor):
    return visitor.get("/").status_code == 200


def test_password_and_code_lead_to_the_page_that_was_asked_for(ann):
    visitor = ann.visitor()
    asked = visitor.get("/tenants/?text=och")
    assert asked["location"] == "/sign-in/?next=%2Ftenants%2F%3Ftext%3Doch"
    form = {"email": ann.email.upper(), "password": ann.password}
    visitor.post(asked["location"], form)
    answer = visitor.post("/sign-in/code/", {"code": ann.code()})
    assert answer["location"] == "/tenants/?text=och"
    assert ann.email in visitor.get("/").content.decode()
    entry = newest("operator.sign-in")
    assert (entry.actor, entry.subject) == (ann.actor, ann.actor)
    assert entry.after == {"ip": "127.0.0.1", "with": "device"}


def test_a_password_alone_opens_nothing(ann):
    visitor = ann.visitor()
    ann.give_password(visitor)
    assert not is_in(visitor)
    assert visitor.get("/sign-in/code/").status_code == 200


def test_a_code_alone_opens_nothing(ann):
    visitor = ann.visitor()
    answer = visitor.post("/sign-in/code/", {"code": ann.code()})
    assert answer["location"] == "/sign-in/"
    assert not is_in(visitor)


def test_an_unknown_address_a_wrong_password_and_a_closed_account_get_the_same_answer(
    ann, make_operator
):
    gone = make_operator("gone@operators.example")
    set_active(gone.email, active=False)
    answers = [
        ann.visitor().post("/sign-in/", {"email": address, "password": password})
        for address, password in (
            ("nobody@operators.example", ann.password),
            (ann.email, "wrong"),
            (gone.email, gone.password),
        )
    ]
    errors = {str(answer.context["form"].non_field_errors()) for answer in answers}
    assert len(errors) == 1
    assert all(COOKIE not in answer.cookies for answer in answers)


def test_what_was_typed_as_an_unknown_address_is_not_kept(ann):
    ann.visitor().post("/sign-in/", {"email": "my-secret@typed.example", "password": "x"})
    entry = newest("operator.sign-in-failed")
    assert entry.subject == "operator:unknown"
    assert "my-secret" not in str(list(AuditEntry.objects.using(CONTROL).values_list()))
    assert "my-secret" not in str(list(SignInFailure.objects.using(CONTROL).values_list()))


def test_a_wrong_code_is_audited_and_the_next_is_looked_at_later(ann):
    visitor = ann.visitor()
    ann.give_password(visitor)
    code = ann.code()
    answer = visitor.post("/sign-in/code/", {"code": wrong(code)})
    assert "not right" in answer.content.decode()
    entry = newest("operator.sign-in-failed")
    assert (entry.subject, entry.after["stage"]) == (ann.actor, "code")
    # django-otp's throttling: even the right one has to wait a second.
    answer = visitor.post("/sign-in/code/", {"code": code})
    assert "wait 1 seconds" in answer.content.decode()
    assert not is_in(visitor)


def test_a_code_is_good_once(ann):
    code = ann.code()
    for expected in (302, 200):
        visitor = ann.visitor()
        ann.give_password(visitor)
        assert visitor.post("/sign-in/code/", {"code": code}).status_code == expected


def test_of_requests_with_one_code_only_one_gets_in(ann):
    visitors = [ann.visitor() for _ in range(4)]
    for visitor in visitors:
        ann.give_password(visitor)
    code = ann.code()
    statuses = at_once([lambda v=v: v.post("/sign-in/code/", {"code": code}) for v in visitors])
    assert sorted(answer.status_code for answer in statuses) == [200, 200, 200, 302]


def test_a_code_that_is_just_being_used_by_another_request_is_waited_for_and_refused(ann):
    visitor, answers = ann.visitor(), []
    ann.give_password(visitor)
    code, device = ann.code(), ann.device

    def post():
        answers.extend(at_once([lambda: visitor.post("/sign-in/code/", {"code": code})]))

    with transaction.atomic(using=CONTROL):
        devices = TotpDevice.objects.using(CONTROL).filter(pk=device.pk)
        devices.update(last_t=time.time() // device.STEP + 1)
        here = threading.Thread(target=post)
        here.start()
        time.sleep(0.7)
        assert answers == []
    here.join()
    assert "not right" in answers[0].content.decode()


def at_once(calls):
    answers = []

    def run(call):
        try:
            answers.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "0" * 41, "\0"]
)
def test_what_is_no_code_is_refused(ann, typed):
    visitor = ann.visitor()
    ann.give_password(visitor)
    answer = visitor.post("/sign-in/code/", {"code": typed})
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_a_recovery_code_is_good_once_and_stored_as_a_digest(ann):
    codes = make_recovery_codes(ann.row)
    stored = str(list(ann.row.recovery_codes.values_list()))
    assert len(set(codes)) == 10
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    for expected in (302, 200):
        visitor = ann.visitor()
        ann.give_password(visitor)
        answer = visitor.post("/sign-in/code/", {"code": f" {codes[0].upper()} "})
        assert answer.status_code == expected
    assert newest("operator.sign-in").after["with"] == "recovery code"


def test_somebody_elses_recovery_code_opens_nothing(ann, make_operator):
    (code, *_) = make_recovery_codes(make_operator("bob@operators.example").row)
    visitor = ann.visitor()
    ann.give_password(visitor)
    assert visitor.post("/sign-in/code/", {"code": code}).status_code == 200
    assert not is_in(visitor)


def test_too_many_failures_lock_the_address_and_no_other(ann, make_operator, settings):
    settings.ATOLL_CONSOLE_FAILURES = 3
    visitor = ann.visitor()
    for _ in range(3):
        assert ann.give_password(visitor, "wrong").status_code == 200
    answer = ann.give_password(visitor)
    assert "too many failed attempts" in answer.content.decode()
    assert not is_in(visitor)
    bob = make_operator("bob@operators.example")
    assert is_in(bob.signed_in())
    # The lock ends by itself, and knocking while it holds does not make it longer.
    last = SignInFailure.objects.using(CONTROL).latest("at").at
    assert SignInFailure.objects.using(CONTROL).count() == 3
    SignInFailure.objects.using(CONTROL).update(at=last - timezone.timedelta(minutes=16))
    assert is_in(ann.signed_in())


def test_wrong_codes_lock_as_well_and_a_sign_in_clears_the_slate(ann, settings):
    settings.ATOLL_CONSOLE_FAILURES = 3
    visitor = ann.visitor()
    ann.give_password(visitor)
    for _ in range(2):
        visitor.post("/sign-in/code/", {"code": wrong(ann.code())})
    visitor.post("/sign-in/code/", {"code": ann.code()})
    assert is_in(visitor)
    assert not SignInFailure.objects.using(CONTROL).exists()
    visitor = ann.visitor()
    ann.give_password(visitor)
    for _ in range(3):
        visitor.post("/sign-in/code/", {"code": wrong(ann.code())})
    answer = visitor.post("/sign-in/code/", {"code": ann.code()})
    assert "too many failed attempts" in answer.content.decode()


def test_many_addresses_from_one_place_lock_that_place(ann, settings):
    settings.ATOLL_CONSOLE_FAILURES = 1
    for number in range(4):
        form = {"email": f"guess{number}@operators.example", "password": "x"}
        ann.visitor().post("/sign-in/", form)
    assert "too many" in ann.give_password(ann.visitor()).content.decode()
    elsewhere = ann.visitor(REMOTE_ADDR="192.0.2.7")
    assert ann.give_password(elsewhere).status_code == 302


def test_requests_at_once_have_no_more_tries_than_one_after_the_other(ann, settings):
    settings.ATOLL_CONSOLE_FAILURES = 3
    visitors = [ann.visitor() for _ in range(8)]
    answers = at_once([lambda v=v: ann.give_password(v, "wrong") for v in visitors])
    looked_at = [a for a in answers if "do not go together" in a.content.decode()]
    assert len(looked_at) <= 3


def test_the_address_behind_a_proxy_is_what_the_proxy_saw(ann, settings):
    forged = ann.visitor(HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.4")
    ann.give_password(forged, "wrong")
    assert newest("operator.sign-in-failed").after["ip"] == "127.0.0.1"
    settings.ATOLL_BEHIND_PROXY = True
    ann.give_password(forged, "wrong")
    assert newest("operator.sign-in-failed").after["ip"] == "198.51.100.4"


def test_the_key_of_a_session_changes_with_each_step_and_is_not_stored(ann):
    visitor = ann.visitor()
    visitor.cookies[COOKIE] = "k" * 32
    ann.give_password(visitor)
    first = visitor.cookies[COOKIE].value
    visitor.post("/sign-in/code/", {"code": ann.code()})
    second = visitor.cookies[COOKIE].value
    assert len({"k" * 32, first, second}) == 3
    stored = str(list(OperatorSession.objects.using(CONTROL).values_list()))
    assert second not in stored
    visitor.cookies[COOKIE] = first
    assert not is_in(visitor)


def test_in_production_the_cookie_is_bound_to_this_host(ann, settings):
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-session", True
    settings.CSRF_COOKIE_NAME, settings.CSRF_COOKIE_SECURE = "__Host-csrf", True
    cookies = ann.signed_in().cookies
    for name in ("__Host-session", "__Host-csrf"):
        # What browsers ask for of a cookie with this prefix.
        assert (cookies[name]["secure"], cookies[name]["path"]) == (True, "/")
        assert not cookies[name]["domain"]
        assert cookies[name]["httponly"]
    assert cookies["__Host-session"]["max-age"] == 12 * 3600


def test_a_session_ends_when_idle_and_after_some_hours(ann, settings):
    hour = timezone.timedelta(hours=1)
    sessions = OperatorSession.objects.using(CONTROL)
    for change in ({"seen_at": timezone.now() - hour}, {"started_at": timezone.now() - 13 * hour}):
        visitor = ann.signed_in()
        assert is_in(visitor)
        sessions.update(**change)
        answer = visitor.get("/")
        assert answer["location"].startswith("/sign-in/")
        assert answer.cookies[COOKIE].value == ""


def test_looking_at_pages_puts_off_the_idle_end_only(ann):
    visitor = ann.signed_in()
    row = OperatorSession.objects.using(CONTROL).get()
    then = timezone.now() - timezone.timedelta(minutes=20)
    OperatorSession.objects.using(CONTROL).update(seen_at=then)
    assert is_in(visitor)
    now = OperatorSession.objects.using(CONTROL).get()
    assert now.seen_at > then
    assert now.started_at == row.started_at


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {}], ids=["scripts", "none"])
def test_what_a_page_asks_by_itself_puts_off_no_end(ann, headers):
    visitor = ann.signed_in()
    sessions = OperatorSession.objects.using(CONTROL)
    then = timezone.now() - timezone.timedelta(minutes=20)
    sessions.update(seen_at=then)
    asked = "/rebalance/?again=1.1"
    assert visitor.get(asked, headers=headers).status_code == 200
    assert sessions.get().seen_at == then
    sessions.update(seen_at=timezone.now() - timezone.timedelta(hours=1))
    answer = visitor.get(asked, headers=headers)
    # Whoever signs in there somebody is.
    there = "/sign-in/?next=%2Frebalance%2F"
    if headers:
        # A redirect would be followed, and that page put into this one.
        assert (answer.status_code, answer["HX-Redirect"], answer.content) == (200, there, b"")
    else:
        assert (answer.status_code, answer["location"]) == (302, there)


def test_signing_out_takes_a_post_and_ends_the_session(ann):
    visitor = ann.signed_in()
    assert visitor.get("/sign-out/").status_code == 405
    key = visitor.cookies[COOKIE].value
    visitor.post("/sign-out/")
    visitor.cookies[COOKIE] = key
    assert not is_in(visitor)
    assert newest("operator.sign-out").actor == ann.actor


def proof(ann, **change):
    return {"password": ann.password, "code": ann.code(), **change}


def another_password(ann, **change):
    return proof(ann, new="quite another one", again="quite another one", **change)


ASKS_AGAIN = ("/account/password/", "/account/device/", "/account/recovery-codes/")


def what_protects(ann):
    rows = TotpDevice.objects.using(CONTROL).filter(user_id=ann.pk).values_list("pk", "key")
    codes = ann.row.recovery_codes.values_list("digest", flat=True)
    return ann.row.password, sorted(rows), sorted(codes)


def test_a_closed_account_and_another_password_end_sessions(ann):
    here, there = ann.signed_in(), ann.signed_in()
    assert here.post("/account/password/", another_password(ann))["location"] == "/account/"
    assert is_in(here)
    assert not is_in(there)
    assert ann.row.sessions.count() == 1
    set_active(ann.email, active=False)
    assert not is_in(here)


def test_a_password_is_changed_by_who_knows_it_and_not_to_a_weak_one(ann, console):
    for change, field in (
        ({"password": "wrong"}, "password"),
        ({"code": "abcdef"}, "code"),
        ({"new": "12345678", "again": "12345678"}, "new"),
        ({"again": "quite another"}, "again"),
    ):
        answer = console.post("/account/password/", another_password(ann) | change)
        assert field in answer.context["form"].errors
    assert ann.row.check_password(ann.password)


@pytest.mark.parametrize("path", ASKS_AGAIN)
def test_a_stolen_session_changes_nothing_about_signing_in(ann, console, path):
    make_recovery_codes(ann.row)
    before = what_protects(ann)
    assert console.get(path).status_code == 200
    for change in (
        {"password": "", "code": ""},
        {"password": "wrong"},
        {"code": ""},
        {"code": "abcdef"},
    ):
        answer = console.post(path, another_password(ann) | change)
        assert answer.status_code == 200
        assert answer.context["form"].errors
    assert console.get("/account/device/new/")["location"] == "/account/device/"
    assert (
        console.post("/account/device/new/", {"code": "123456"})["location"] == "/account/device/"
    )
    assert what_protects(ann) == before


@pytest.mark.parametrize("path", ASKS_AGAIN)
def test_what_is_wrong_in_a_session_counts_towards_the_lock(ann, console, path, settings):
    settings.ATOLL_CONSOLE_FAILURES = 2
    before = what_protects(ann)
    console.post(path, another_password(ann, password="wrong"))
    assert newest("operator.sign-in-failed").after["stage"] == "password again"
    console.post(path, another_password(ann, code="abcdef"))
    assert newest("operator.sign-in-failed").after["stage"] == "code again"
    answer = console.post(path, another_password(ann))
    assert "too many failed attempts" in answer.content.decode()
    assert "too many failed attempts" in ann.give_password(ann.visitor()).content.decode()
    assert what_protects(ann) == before


def test_another_device_takes_the_old_ones_place_once_it_has_shown_a_code(ann):
    console, elsewhere = ann.signed_in(), ann.signed_in()
    thief = ann.visitor()
    thief.cookies[COOKIE] = console.cookies[COOKIE].value
    old = ann.device
    assert console.post("/account/device/", proof(ann))["location"] == "/account/device/new/"
    new = TotpDevice.objects.using(CONTROL).get(user_id=ann.pk, confirmed=False)
    assert new.key != old.key
    assert "<svg" in console.get("/account/device/new/").content.decode()
    assert TotpDevice.objects.using(CONTROL).get(user_id=ann.pk, confirmed=False) == new
    # Who has the key of before sees nothing of it, nor does another session.
    assert thief.get("/account/device/new/")["location"].startswith("/sign-in/")
    assert elsewhere.get("/account/device/new/")["location"] == "/account/device/"
    answer = console.post("/account/device/new/", {"code": code_of(old)})
    assert "not right" in answer.content.decode()
    assert ann.device == old
    assert is_in(elsewhere)
    console.post("/account/device/new/", {"code": ann.code(confirmed=False)})
    assert ann.device == new
    assert newest("operator.factor").actor == ann.actor
    assert is_in(console)
    assert not is_in(elsewhere)
    assert is_in(ann.signed_in())


def test_each_new_device_has_a_secret_of_its_own(ann, console):
    keys = set()
    for _ in range(2):
        console.post("/account/device/", proof(ann))
        keys.add(TotpDevice.objects.using(CONTROL).get(user_id=ann.pk, confirmed=False).key)
    assert len(keys) == 2


def test_new_recovery_codes_make_those_of_before_void(ann, console):
    first = make_recovery_codes(ann.row)
    page = console.post("/account/recovery-codes/", proof(ann, code=first[1])).content.decode()
    assert not any(code in page for code in first)
    assert page.count("<li><code>") == 10
    assert ann.row.recovery_codes.count() == 10
    assert newest("operator.recovery-codes").actor == ann.actor
    visitor = ann.visitor()
    ann.give_password(visitor)
    assert visitor.post("/sign-in/code/", {"code": first[0]}).status_code == 200


def test_nobody_is_sent_to_another_host_after_signing_in(ann):
    for wanted in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"):
        visitor = ann.visitor()
        form = {"email": ann.email, "password": ann.password}
        visitor.post(f"/sign-in/?next={wanted}", form)
        assert visitor.post("/sign-in/code/", {"code": ann.code()})["location"] == "/"


def test_those_who_locked_nobody_and_ended_sessions_are_purged(ann):
    day = timezone.timedelta(days=1)
    here, gone = ann.signed_in(), ann.signed_in()
    newest_session = OperatorSession.objects.using(CONTROL).latest("started_at")
    OperatorSession.objects.using(CONTROL).filter(pk=newest_session.pk).update(
        started_at=timezone.now() - day
    )
    for at in (timezone.now(), timezone.now() - 2 * day):
        SignInFailure.objects.using(CONTROL).create(address="x", at=at)
    purge_control.apply()
    assert OperatorSession.objects.using(CONTROL).count() == 1
    assert SignInFailure.objects.using(CONTROL).count() == 1
    assert (is_in(here), is_in(gone)) == (True, False)
