"""Pages of the public host: without a session, safe, and on no other host."""

import re

import pytest
from django.core.mail import EmailMessage
from django.db import connections
from django.test import Client
from django.urls import get_resolver

from front.keys import confirmation_token, progress_key, sent_key
from front.models import CONTROL, SignUp
from front.sent_mail import FolderBackend
from front.services import confirming
from front.states import SignUpState
from tests.integration.front.conftest import again, send

FORMS = ("/sign-up/", "/find/")


@pytest.fixture
def pages(ask, wish, settings, tmp_path):
    """Every page of the public host, with what it needs to be shown."""
    settings.ATOLL_MAIL_FOLDER = str(tmp_path)
    waiting, held, choosing, failed = (ask(wish()) for _ in range(4))
    confirming.confirm_sign_up(confirmation_token(held.pk))
    rows = SignUp.objects.using(CONTROL)
    rows.filter(pk=choosing.pk).update(state=SignUpState.CHOOSING)
    rows.filter(pk=failed.pk).update(state=SignUpState.FAILED)
    return {
        "home": "/",
        "sign_up": "/sign-up/",
        "available": "/sign-up/available?slug=a1",
        "sent": f"/sign-up/sent/{sent_key(waiting.pk, waiting.email)}/",
        "confirm": f"/sign-up/confirm/{confirmation_token(waiting.pk)}/",
        "choose": f"/sign-up/choose/{progress_key(choosing.pk)}/",
        "progress": f"/sign-up/progress/{progress_key(failed.pk)}/",
        "steps": f"/sign-up/progress/{progress_key(held.pk)}/steps/",
        "enter": f"/sign-up/enter/{progress_key(held.pk)}/",
        "find": "/find/",
        "find_sent": "/find/sent/",
        "mail": "/mail/",
    }


def test_all_pages_are_tried_here(pages):
    assert pages.keys() == {each.name for each in get_resolver("front.urls").url_patterns}


def test_pages_set_no_cookie_but_the_forms_and_bring_nothing_from_elsewhere(pages, visitor):
    for name, path in pages.items():
        answer = visitor.get(path)
        assert answer.status_code == (302 if name == "enter" else 200), name
        assert set(answer.cookies) <= {"csrftoken"}, name
        assert "default-src 'none'" in answer["content-security-policy"]
        assert "no-store" in answer["cache-control"]
        assert b" style=" not in answer.content
        assert not re.search(rb"<script(?![^>]* src=)", answer.content)
        assert not re.search(rb"""(?:src|href)=["'](?:https?:)?//""", answer.content)
        assert not re.search(rb"\son\w+=", answer.content)


def test_what_was_wrong_with_an_address_stands_where_the_answer_to_the_next_one_comes(
    pages, visitor
):
    for path in ("/sign-up/", pages["choose"]):
        page = send(visitor, path, name="A", slug="not good", email="a@b.example").content.decode()
        (state,) = re.findall(r'<div id="slug_state"[^>]*>(.*?)</div>', page, re.DOTALL)
        assert page.count("errorlist") == state.count("errorlist") == 1, path
        assert 'hx-target="#slug_state"' in page
        assert 'aria-invalid="true"' in page


def test_pages_are_of_the_public_host_only(pages, east):
    for path in pages.values():
        if path == "/":
            continue
        for host in ("console.localhost", east.host):
            answer = Client(headers={"host": host}).get(path, follow=True)
            assert answer.status_code in (403, 404) or b'type="password"' in answer.content, path


@pytest.mark.parametrize("path", FORMS)
def test_forms_work_with_productions_cookie(path, settings, stack_ready, broker):
    settings.CSRF_COOKIE_NAME = "__Host-csrf"
    settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_SSL_REDIRECT = True
    visitor = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    page = visitor.get(path, secure=True)
    cookie = page.cookies["__Host-csrf"]
    # What the prefix demands, or browsers drop it.
    assert (bool(cookie["secure"]), cookie["path"], cookie["domain"]) == (True, "/", "")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)[1].decode()
    form = {"name": "A", "slug": "a-form", "email": "a@b.example", "csrfmiddlewaretoken": token}
    for origin, status in (
        ("https://localhost", 302),
        ("https://evil.localhost", 403),
        ("https://evil.example", 403),
    ):
        answer = visitor.post(path, form, secure=True, headers={"origin": origin})
        assert answer.status_code == status, origin
    stranger = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    assert stranger.post(path, form, secure=True).status_code == 403


def test_mail_is_shown_only_where_it_is_kept(visitor, settings, tmp_path):
    settings.ATOLL_MAIL_FOLDER = ""
    assert visitor.get("/mail/").status_code == 404
    settings.ATOLL_MAIL_FOLDER = str(tmp_path / "mail")
    assert b"No mail was sent so far" in visitor.get("/mail/").content
    body = "<img src=x onerror=alert(1)>\nhttps://a.example/?x=1&y=2 javascript:alert(1)"
    FolderBackend().send_messages([EmailMessage("<i>Hi</i>", body, "a@b.example", ["c@d.example"])])
    page = visitor.get("/mail/").content.decode()
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert '<a href="https://a.example/?x=1&amp;y=2">' in page
    assert 'href="javascript' not in page


@pytest.mark.parametrize("method", ["put", "delete", "post"])
def test_what_can_only_be_read_takes_nothing(method, visitor):
    for path in ("/", "/sign-up/available", "/find/sent/", "/mail/"):
        answer = getattr(Client(headers={"host": "localhost"}), method)(path)
        assert answer.status_code == 405


@pytest.mark.parametrize("key", ["x", "x:y:z", "é", "a" * 4000])
def test_keys_that_are_nonsense_lead_to_a_page(key, visitor):
    for page in ("sent", "confirm", "choose", "progress", "enter"):
        assert visitor.get(f"/sign-up/{page}/{key}/").status_code == 410, page


def test_a_sign_up_works_without_javascript(pages, visitor):
    page = visitor.get(pages["progress"]).content
    assert b'<noscript><meta http-equiv="refresh" content="3"></noscript>' in page


def test_asking_for_another_address_while_one_is_made_changes_nothing(ask, wish, visitor):
    row = confirming.confirm_sign_up(confirmation_token(ask(wish()).pk))
    path = f"/sign-up/choose/{progress_key(row.pk)}/"
    assert "/progress/" in visitor.get(path)["location"]
    page = visitor.get("/sign-up/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)[1].decode()
    visitor.post(path, {"slug": "something-else", "csrfmiddlewaretoken": token})
    assert again(row).slug == row.slug


def test_control_away_is_a_503_and_the_first_page_stays(stack):
    visitor = Client(headers={"host": "localhost"}, raise_request_exception=False)
    form = {"name": "A", "slug": "a-form", "email": "a@b.example"}
    stack.stop_server("control")
    try:
        assert visitor.get("/").status_code == 200
        assert visitor.get("/sign-up/").status_code == 200
        assert visitor.get("/sign-up/available?slug=a1").status_code == 503
        assert visitor.post("/sign-up/", form).status_code == 503
        assert visitor.post("/find/", form).status_code == 503
    finally:
        stack.start_server("control")
        connections.close_all()


def test_the_form_keeps_what_was_typed(visitor, east, wish):
    answer = send(visitor, "/sign-up/", name='Q"&<b>', slug="east", email="me@example.org")
    for typed in (b"Q&quot;&amp;&lt;b&gt;", b'value="east"', b"me@example.org"):
        assert typed in answer.content
