"""From the form to a slug that is held."""

import socket
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from config.mail import mail_settings
from front.errors import FrontError, LinkVoid, SlugNotFree, WrongSignUpState
from front.keys import confirmation_token, progress_key
from front.models import CONTROL, SignUp, Tally
from front.services import asking, confirming, sweeping
from front.services.telling import send_confirmation
from front.states import SignUpState
from front.tasks import mail_confirmation
from sharding.placements.models import AuditEntry
from tests.fixtures.servers import redis_is_back
from tests.integration.front.conftest import again, link_in, send


def rows():
    return SignUp.objects.using(CONTROL)


def at_once(*calls):
    """Call all in threads of their own that begin together; results and errors, in order."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        gate.wait()
        try:
            results[number] = call()
        except FrontError as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def form(wish):
    return {"name": wish.name, "slug": wish.slug, "email": wish.email}


def test_the_form_leads_to_a_mail_whose_button_holds_the_slug(visitor, wish, broker, work):
    wanted = wish()
    answer = send(visitor, "/sign-up/", **form(wanted))
    assert answer.status_code == 302
    page = visitor.get(answer["location"])
    assert wanted.email.encode() in page.content
    (row,) = rows()
    assert row.state == SignUpState.WAITING
    work()
    (message,) = mail.outbox
    assert message.to == [wanted.email]
    path = link_in(message)
    # A mail filter opens it, and nothing happens.
    assert wanted.slug.encode() in visitor.get(path).content
    assert again(row).state == SignUpState.WAITING
    answer = send(visitor, path)
    assert answer["location"].startswith("/sign-up/progress/")
    assert again(row).state == SignUpState.CONFIRMED
    assert broker.only_message("control")["headers"]["task"] == "front.tasks.make_workspace"


def test_control_keeps_no_token_and_the_queue_neither(visitor, wish, broker):
    send(visitor, "/sign-up/", **form(wish()))
    (row,) = rows()
    token = confirmation_token(row.pk)
    assert token not in str(rows().values().get())
    assert token not in str(broker.messages("control"))
    assert broker.only_message("control")["arguments"] == [str(row.pk)]


def test_a_form_without_its_token_is_refused_and_changes_nothing(visitor, wish):
    assert visitor.post("/sign-up/", form(wish())).status_code == 403
    assert not rows().exists()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("slug", "east", b"already"),
        ("slug", "admin", b"reserved"),
        ("slug", "Not this", b"small letters"),
        ("slug", "", b"choose an address"),
        ("email", "nobody", b"valid email"),
        ("name", " ", b"what your team is called"),
        ("name", "a\u202eb", b"cannot be shown"),
        ("name", "Win at evil.example", b"no address in it"),
        ("name", "x" * 151, b"150"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_without_javascript(
    visitor, wish, east, field, value, word
):
    answer = send(visitor, "/sign-up/", **{**form(wish()), field: value})
    assert answer.status_code == 200
    assert word in answer.content
    assert not rows().exists()


def test_the_form_sent_twice_is_one_sign_up(visitor, wish, broker):
    wanted = wish()
    for _ in range(2):
        send(visitor, "/sign-up/", **form(wanted))
    assert rows().count() == 1


def test_the_form_sent_twice_at_once_is_one_sign_up(wish):
    wanted = wish()
    seen = at_once(*[lambda: asking.ask_for_workspace(wanted, visitor="192.0.2.1")] * 4)
    assert len({key for key, _ in seen}) == 1
    assert rows().count() == 1


def test_who_has_a_workspace_already_is_answered_like_anybody_else(visitor, wish, ask, broker):
    known = ask(wish())
    confirming.confirm_sign_up(confirmation_token(known.pk))
    pages = []
    for email in (known.email, "never-seen@example.org"):
        answer = send(visitor, "/sign-up/", **form(wish(email=email)))
        page = visitor.get(answer["location"]).content
        pages.append(page.replace(email.encode(), b"").split(b"csrfmiddlewaretoken")[0])
    assert pages[0] == pages[1]
    assert len(broker.messages("control")) == 2


def test_too_many_mails_to_one_address_are_answered_alike_and_not_sent(
    visitor, wish, settings, broker
):
    settings.ATOLL_FRONT_MAILS_PER_HOUR = 2
    answers = [
        send(visitor, "/sign-up/", **form(wish(email="victim@example.org"))) for _ in range(4)
    ]
    assert {answer.status_code for answer in answers} == {302}
    for answer in answers:
        assert b"victim@example.org" in visitor.get(answer["location"]).content
    assert len(broker.messages("control")) == rows().count() == 2


def test_too_many_forms_from_one_place_are_refused_and_others_are_not(
    visitor, wish, settings, broker
):
    settings.ATOLL_SIGN_UPS_PER_HOUR = 1
    send(visitor, "/sign-up/", **form(wish()))
    answer = send(visitor, "/sign-up/", **form(wish()))
    assert (answer.status_code, rows().count()) == (429, 1)
    assert int(answer["retry-after"]) > 0
    visitor.defaults["REMOTE_ADDR"] = "198.51.100.7"
    assert send(visitor, "/sign-up/", **form(wish())).status_code == 302


def test_limits_keep_no_address(visitor, wish, broker):
    wanted = wish()
    send(visitor, "/sign-up/", **form(wanted))
    kept = str(list(Tally.objects.using(CONTROL).values()))
    assert Tally.objects.using(CONTROL).count() == 2
    assert wanted.email not in kept
    assert "127.0.0.1" not in kept


def test_the_mail_can_be_sent_again_with_the_same_link(visitor, wish, broker, work):
    answer = send(visitor, "/sign-up/", **form(wish()))
    answer = send(visitor, answer["location"])
    assert b"sent it again" in visitor.get(answer["location"]).content
    work()
    assert len(mail.outbox) == 2
    assert link_in(mail.outbox[0]) == link_in(mail.outbox[1])


def test_sending_again_tells_nobody_whether_there_is_anything(visitor, wish, broker, settings):
    settings.ATOLL_FRONT_MAILS_PER_HOUR = 1
    wanted = wish()
    assert asking.may_mail(wanted.email)
    answer = send(visitor, "/sign-up/", **form(wanted))
    assert not rows().exists()
    answer = send(visitor, answer["location"])
    assert b"sent it again" in visitor.get(answer["location"]).content
    assert not broker.messages("control")


def test_confirming_twice_is_confirming_once(ask, wish):
    token = confirmation_token(ask(wish()).pk)
    first = confirming.confirm_sign_up(token)
    second = confirming.confirm_sign_up(token)
    assert first.confirmed_at == second.confirmed_at
    entries = AuditEntry.objects.using(CONTROL).filter(subject=str(first.pk))
    assert [entry.action for entry in entries] == ["sign_up.confirmed"]
    assert first.email not in str(list(entries.values()))


def test_a_double_click_leads_to_the_same_place_both_times(ask, wish, visitor, broker):
    path = f"/sign-up/confirm/{confirmation_token(ask(wish()).pk)}/"
    page = visitor.get(path).content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    answers = [visitor.post(path, {"csrfmiddlewaretoken": token}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {302}
    # The same sign-up; what stands behind its name is when it was signed.
    assert len({answer["location"].split(":")[0] for answer in answers}) == 1


@pytest.mark.parametrize("what", ["late", "expired", "entered", "never"])
def test_a_link_that_holds_no_more_changes_nothing(ask, wish, visitor, what):
    row = ask(wish())
    token, path = confirmation_token(row.pk), ""
    past = timezone.now() - timedelta(seconds=1)
    changes = {
        "late": {"token_until": past},
        "expired": {"state": SignUpState.EXPIRED},
        "entered": {"state": SignUpState.READY, "entered_at": past},
        "never": {"token_hash": "0" * 64},
    }[what]
    rows().filter(pk=row.pk).update(**changes)
    before = rows().values().get(pk=row.pk)
    with pytest.raises(LinkVoid):
        confirming.confirm_sign_up(token)
    path = f"/sign-up/confirm/{token}/"
    assert visitor.get(path).status_code == 410
    assert rows().values().get(pk=row.pk) == before


def test_an_address_that_is_not_confirmed_leads_nowhere(ask, wish, visitor):
    row = ask(wish())
    for page in ("progress", "choose", "enter"):
        answer = visitor.get(f"/sign-up/{page}/{progress_key(row.pk)}/", follow=True)
        assert answer.status_code == 410, page


def test_of_two_who_want_one_slug_the_first_to_confirm_gets_it(ask, wish, visitor, broker):
    one, other = ask(wish(slug="wanted-by-two")), ask(wish(slug="wanted-by-two"))
    assert confirming.confirm_sign_up(confirmation_token(other.pk)).state == SignUpState.CONFIRMED
    late = confirming.confirm_sign_up(confirmation_token(one.pk))
    assert late.state == SignUpState.CHOOSING
    # The other one is asked for another.
    path = visitor.get(f"/sign-up/progress/{progress_key(one.pk)}/")["location"]
    assert b"Somebody was faster" in visitor.get(path).content
    answer = send(visitor, path, slug="wanted-by-two")
    assert b"already" in answer.content
    assert again(one).state == SignUpState.CHOOSING
    answer = send(visitor, path, slug="wanted-by-one")
    assert "/progress/" in answer["location"]
    assert (again(one).state, again(one).slug) == (SignUpState.CONFIRMED, "wanted-by-one")


def test_of_many_who_confirm_at_once_one_gets_the_slug(ask, wish):
    many = [ask(wish(slug="wanted-by-many"), visitor=f"192.0.2.{n}") for n in range(6)]
    calls = [partial(confirming.confirm_sign_up, confirmation_token(row.pk)) for row in many]
    states = [row.state for row in at_once(*calls)]
    assert sorted(states) == [SignUpState.CHOOSING] * 5 + [SignUpState.CONFIRMED]


def test_what_was_taken_by_an_operator_meanwhile_is_noticed(ask, wish, east):
    row = ask(wish())
    rows().filter(pk=row.pk).update(slug="east")
    assert confirming.confirm_sign_up(confirmation_token(row.pk)).state == SignUpState.CHOOSING


def test_another_slug_is_chosen_only_by_who_was_asked_to(ask, wish):
    row = confirming.confirm_sign_up(confirmation_token(ask(wish()).pk))
    with pytest.raises(WrongSignUpState):
        confirming.choose_slug(row.pk, "something-else")
    assert again(row).slug == row.slug


def test_a_slug_that_cannot_be_is_not_chosen(ask, wish, east):
    row = ask(wish())
    rows().filter(pk=row.pk).update(state=SignUpState.CHOOSING)
    for slug in ("east", "admin", "NO"):
        with pytest.raises(SlugNotFree):
            confirming.choose_slug(row.pk, slug)
    assert (again(row).state, again(row).slug) == (SignUpState.CHOOSING, row.slug)


def test_old_sign_ups_expire_and_are_deleted_and_others_stay(ask, wish):
    kept = [ask(wish()), confirming.confirm_sign_up(confirmation_token(ask(wish()).pk))]
    late, old_choice, ended, failed = (ask(wish()) for _ in range(4))
    long_ago = timezone.now() - timedelta(days=40)
    rows().filter(pk=late.pk).update(token_until=long_ago)
    for row, state in (
        (old_choice, SignUpState.CHOOSING),
        (ended, SignUpState.READY),
        (failed, SignUpState.FAILED),
    ):
        rows().filter(pk=row.pk).update(state=state, changed_at=long_ago)
    before = [again(row).state for row in kept]
    assert sweeping.purge_sign_ups() == (2, 1)
    assert [again(row).state for row in kept] == before
    assert again(late).state == again(old_choice).state == SignUpState.EXPIRED
    assert again(failed).state == SignUpState.FAILED
    assert not rows().filter(pk=ended.pk).exists()
    rows().filter(state=SignUpState.EXPIRED).update(changed_at=long_ago)
    assert sweeping.purge_sign_ups() == (0, 2)


def test_a_mail_whose_task_was_lost_is_found_by_the_sweep(ask, wish):
    row = ask(wish())
    assert sweeping.to_be_mailed() == []
    rows().filter(pk=row.pk).update(asked_at=timezone.now() - timedelta(minutes=2))
    assert sweeping.to_be_mailed() == [row.pk]
    send_confirmation(row.pk)
    assert sweeping.to_be_mailed() == []
    assert len(mail.outbox) == 1


def test_a_mail_server_that_is_away_is_asked_again(ask, wish, settings):
    row = ask(wish())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, calls = server.getsockname()[1], []
        threading.Thread(target=hang_up, args=(server, calls), daemon=True).start()
        for name, value in mail_settings(f"smtp://127.0.0.1:{port}").items():
            setattr(settings, name, value)
        result = mail_confirmation.apply((str(row.pk),))
    assert isinstance(result.result, OSError)
    assert len(calls) == mail_confirmation.max_retries + 1
    assert again(row).mailed_at is None


def hang_up(server, calls):
    with suppress(OSError):
        while True:
            server.accept()[0].close()
            calls.append(1)


def test_after_a_change_of_the_secret_both_old_and_new_links_can_hold(ask, wish, settings):
    row = ask(wish())
    old = confirmation_token(row.pk)
    settings.SECRET_KEY = "another secret"
    # Nothing but the hash is compared.
    assert confirming.find_by_token(old).pk == row.pk
    send_confirmation(row.pk)
    assert confirming.find_by_token(confirmation_token(row.pk)).pk == row.pk


def test_a_sign_up_is_noted_while_the_broker_is_away(visitor, wish, broker, stack):
    stack.stop_server("redis")
    try:
        answer = send(visitor, "/sign-up/", **form(wish()))
    finally:
        stack.start_server("redis")
        redis_is_back()
    assert answer.status_code == 302
    assert rows().get().mailed_at is None
