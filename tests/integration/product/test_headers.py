"""What every answer tells browsers, whatever host and view it comes from."""

import re

import pytest
from django.conf import settings
from django.test import Client

from tests.integration.product.test_permissions import ENDS_SESSIONS, views

UNSAFE = re.compile(r"unsafe-|\*|http:|https:(?!/)")
INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", re.I)
# Data for a script is no script.
DATA = re.compile(rb'<script[^>]*type="application/json"[^>]*>')


def assert_safe(answer, where):
    policy = answer.headers.get("Content-Security-Policy", "none at all: *")
    assert "default-src 'none'" in policy, f"{where}: {policy}"
    assert not UNSAFE.search(policy), f"{where}: {policy}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Referrer-Policy"] == "same-origin", where
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where
    framed = answer.headers.get("X-Frame-Options")
    assert framed == "DENY" or "frame-ancestors 'none'" in policy, where
    if not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html"):
        found = INLINE.search(DATA.sub(b"", answer.content))
        assert not found, f"{where}: {found[0] if found else ''}"


def test_every_view_of_a_tenants_host(acme):
    member = acme.member()
    shown = 0
    for view in views():
        if view.name in ENDS_SESSIONS:
            continue
        for client in (member, acme.visitor()):
            for method in ("GET", "POST"):
                answer = client.generic(method, view.path)
                assert_safe(answer, f"{method} {view.name} ({answer.status_code})")
                shown += answer.status_code == 200
    assert shown > 20


@pytest.mark.parametrize(
    ("host", "urlconf"),
    [("localhost", "config.urls_public"), ("console.localhost", "config.urls_console")],
)
def test_every_view_of_our_own_hosts(stack_ready, host, urlconf):
    client = Client(headers={"host": host})
    for view in views(urlconf):
        answer = client.get(view.path)
        assert_safe(answer, f"{view.name} ({answer.status_code})")


def test_errors_too(acme, settings):
    settings.DEBUG = False
    stranger = acme.visitor()
    assert_safe(stranger.get("/nothing/"), "404")
    assert_safe(acme.member(enforce_csrf_checks=True).post("/tickets/new/"), "403 of a forged form")
    assert_safe(Client(headers={"host": "nobody.localhost"}).get("/"), "404 of an unknown host")
    assert_safe(Client(headers={"host": "no host"}).get("/"), "400 of a bad host")


def test_the_guard_guards(acme, monkeypatch):
    """The negative control: a page whose policy lets inline scripts run, and one that has some."""
    from config import content_policy

    monkeypatch.setattr(content_policy, "CONTENT_POLICY", "default-src 'none'; 'unsafe-inline'")
    with pytest.raises(AssertionError, match="unsafe"):
        assert_safe(acme.member().get("/"), "dashboard")
    assert INLINE.search(b'<p style="x">')
    assert INLINE.search(b"<script>x()</script>")
    assert not INLINE.search(b'<script src="/static/x.js" defer></script>')


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(acme):
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        member = acme.visitor()
        member.get("/account/sign-in/")
        member.post("/account/sign-in/", {"username": acme.email, "password": acme.password})
        assert member.cookies[name]["samesite"] == "Lax", name
        assert member.cookies[name]["httponly"], name
        assert not member.cookies[name]["domain"], name
