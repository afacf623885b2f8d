"""What operators do with the console."""

import base64
import time

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from tests.browser.visits import DESKTOP, PHONE, Visits, findings, overflows

PAGES = ("/", "/shards/", "/tenants/", "/audit/", "/processes/", "/account/")


@pytest.fixture
def operator(visits: Visits, demo) -> Page:
    """Signed in with password and code."""
    who = demo.operator
    page = visits.open(who.host, "/sign-in/")
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password").fill(who.password)
    page.keyboard.press("Enter")
    page.get_by_label("Code").fill(_code(who.secret))
    page.keyboard.press("Enter")
    page.wait_for_url(visits.address(who.host, "/"))
    return page


def _code(secret: str) -> str:
    # A code is good once: wait for one that no test before this one has used.
    made = TOTP(base64.b32decode(secret))
    while (now := int(time.time()) // made.step) in _used:
        time.sleep(0.5)
    _used.add(now)
    return f"{made.token():06}"


_used: set[int] = set()


def test_every_page_is_for_everybody_and_a_tenant_is_suspended_and_resumed(visits, operator, demo):
    dune = next(each for each in demo.sign_ins if each.slug == "dune")
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        operator.set_viewport_size(size)
        operator.emulate_media(color_scheme=scheme)
        for path in PAGES:
            assert operator.goto(visits.address(demo.operator.host, path)).status == 200, path
            visits.picture(operator, f"console-{path.strip('/') or 'home'}-{scheme}")
            assert findings(operator) == [], path
            assert not overflows(operator), path
    operator.set_viewport_size(DESKTOP)

    operator.goto(visits.address(demo.operator.host, "/tenants/?text=dune"))
    operator.get_by_role("link", name="dune").click()
    assert findings(operator) == []
    visits.picture(operator, "console-tenant")
    _confirm(operator, "Suspend", "not paid")
    expect(operator.get_by_role("button", name="Resume dune")).to_be_visible()
    _becomes(visits, dune.host, 403)
    _confirm(operator, "Resume", "paid")
    expect(operator.get_by_role("button", name="Suspend dune")).to_be_visible()
    _becomes(visits, dune.host, 200)

    audit = operator.goto(visits.address(demo.operator.host, "/audit/"))
    assert audit.status == 200
    expect(operator.get_by_text(f"operator:{demo.operator.email}").first).to_be_visible()


def test_a_members_session_is_worth_nothing_here(visits, acme, demo):
    page = visits.member(acme)
    page.goto(visits.address(demo.operator.host, "/tenants/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to the console")


def _confirm(page: Page, what: str, reason: str) -> None:
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("to confirm").fill("dune")
    page.get_by_role("button", name=f"{what} dune").click()


def _becomes(visits: Visits, host: str, status: int) -> None:
    page = visits.person().new_page()
    deadline = time.monotonic() + 20
    while (seen := page.goto(visits.address(host, "/account/sign-in/")).status) != status:
        assert time.monotonic() < deadline, f"{host} still answers {seen}"
        time.sleep(0.3)
