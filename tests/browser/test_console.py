"""What operators do with the console."""

import base64
import re
import time
from collections.abc import Iterator

import pytest
from django.urls import resolve
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from devstack.demo.types import OperatorSignIn
from tests.browser.demo import Up
from tests.browser.visits import LOOKS, Visits, dress, findings

PAGES = {
    "console-home": "/",
    "console-shards": "/shards/",
    "console-rebalance": "/rebalance/",
    "console-tenants": "/tenants/",
    "console-audit": "/audit/",
    "console-processes": "/processes/",
    "console-account": "/account/",
    "console-device": "/account/device/",
    "console-password": "/account/password/",
    "console-codes": "/account/recovery-codes/",
}

URLCONF = "config.urls_console"
ON_THE_WAY = {f"console:{name}" for name in ("sign_in", "code", "new_device", "tenant")}
"""Pages that somebody meets who does something: the tests below look at them."""


class Device:
    """The demo operator's app for codes."""

    def __init__(self, secret: str) -> None:
        self.becomes(secret)

    def becomes(self, secret: str) -> None:
        """Another one, which has shown no code yet."""
        self.secret = secret
        self._used = -1

    def code(self) -> str:
        """A code that nobody has used: each is good once, and already while the last one shows."""
        made = TOTP(base64.b32decode(self.secret))
        while self._used > (now := int(time.time()) // made.step):
            time.sleep(0.5)
        self._used = max(now, self._used + 1)
        made.time = self._used * made.step
        return f"{made.token():06}"


@pytest.fixture(scope="package")
def device(demo) -> Device:
    return Device(demo.operator.secret)


@pytest.fixture
def operator(visits: Visits, demo, device) -> Page:
    """Signed in with password and code."""
    who = demo.operator
    page = visits.person().new_page()
    _give_password(visits, page, who)
    page.get_by_label("Code").fill(device.code())
    page.keyboard.press("Enter")
    page.wait_for_url(visits.address(who.host, "/"))
    return page


def test_every_page_is_for_everybody_and_a_tenant_is_suspended_and_resumed(visits, operator, demo):
    dune = next(each for each in demo.sign_ins if each.slug == "dune")
    visits.walk_in_turn(operator, demo.operator.host, PAGES)
    dress(operator, "light")
    walked = {resolve(path, URLCONF).view_name for path in PAGES.values()}
    assert visits.pages_at(operator, URLCONF) - walked == ON_THE_WAY, "a page was passed by"

    operator.goto(visits.address(demo.operator.host, "/tenants/?text=dune"))
    operator.get_by_role("link", name="dune").click()
    visits.look_at(operator, "console-tenant-light")
    _confirm(operator, "Suspend", "not paid")
    expect(operator.get_by_role("button", name="Resume dune")).to_be_visible()
    _becomes(visits, dune.host, 403)
    _confirm(operator, "Resume", "paid")
    expect(operator.get_by_role("button", name="Suspend dune")).to_be_visible()
    _becomes(visits, dune.host, 200)
    dress(operator, "dark")
    visits.look_at(operator, "console-tenant-dark")

    audit = operator.goto(visits.address(demo.operator.host, "/audit/"))
    assert audit.status == 200
    expect(operator.get_by_text(f"operator:{demo.operator.email}").first).to_be_visible()


@pytest.mark.slow
def test_each_page_is_in_either_look(visits, operator, demo):
    for look in LOOKS:
        dress(operator, look)
        visits.walk(operator, demo.operator.host, PAGES, look)


def test_signing_in_is_for_everybody(visits, demo):
    page = visits.person().new_page()
    for look in LOOKS:
        dress(page, look)
        visits.walk(page, demo.operator.host, {"console-sign-in": "/sign-in/"}, look)
    _give_password(visits, page, demo.operator)
    for look in LOOKS:
        dress(page, look)
        visits.look_at(page, f"console-code-{look}")


def test_an_operator_takes_another_device_and_new_recovery_codes(visits, operator, demo, device):
    who = demo.operator
    operator.get_by_role("link", name=who.email, exact=True).click()
    operator.get_by_role("link", name="Set up another device").click()
    # A recovery code: the old device is gone, as it is when people come here.
    _both_factors(operator, who.password, who.recovery_codes[0])
    operator.get_by_role("button", name="Go on").click()
    expect(operator.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    for look in LOOKS:
        dress(operator, look)
        visits.look_at(operator, f"console-new-device-{look}")

    before, secret = device.secret, operator.locator(".secret code").inner_text()
    assert secret != before
    operator.get_by_label("Code", exact=True).fill("000000")
    operator.keyboard.press("Enter")
    expect(operator.locator(".errorlist")).to_be_visible()
    assert operator.locator(".secret code").inner_text() == secret
    # After a wrong code the next one is looked at a second later; nobody types faster.
    operator.wait_for_timeout(1_500)
    # The tests after this one sign in with it.
    device.becomes(secret.replace(" ", ""))
    operator.get_by_label("Code", exact=True).fill(device.code())
    operator.keyboard.press("Enter")
    expect(operator.get_by_role("status")).to_contain_text("new device")

    operator.get_by_role("link", name="Make new ones").click()
    _both_factors(operator, who.password, device.code())
    operator.get_by_role("button", name="Make new ones").click()
    expect(operator.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    codes = operator.locator(".codes code").all_inner_texts()
    assert len(set(codes)) == len(who.recovery_codes)
    assert not set(codes) & set(who.recovery_codes)
    for look in LOOKS:
        dress(operator, look)
        visits.look_at(operator, f"console-new-codes-{look}")
    operator.reload()
    expect(operator.locator(".codes")).to_have_count(0)

    _signs_in_with(visits, who, codes[0], good=True)
    _signs_in_with(visits, who, who.recovery_codes[1], good=False)


@pytest.fixture
def two_go_to_alpha(up: Up) -> Iterator[None]:
    """The next rebalance brings them there, one after the other; then they go back."""
    slugs = ("coral", "dune")
    up.manage("set_shard_capacity", "alpha", "--moves", "1")
    for slug in slugs:
        up.manage("pin_tenant", slug, "--to", "alpha")
    yield
    for slug in slugs:
        up.manage("pin_tenant", slug, "--to", "beta")
    up.manage("rebalance_shards", "--yes", "--here")
    for slug in slugs:
        up.manage("unpin_tenant", slug)


@pytest.mark.slow
def test_a_rebalance_is_planned_and_followed_to_its_end(visits, operator, demo, two_go_to_alpha):
    operator.goto(visits.address(demo.operator.host, "/rebalance/"))
    operator.get_by_role("button", name="Plan a rebalance").click()
    for look in LOOKS:
        dress(operator, look)
        visits.look_at(operator, f"console-rebalance-plan-{look}")
    operator.get_by_role("button", name="Approve and begin").click()
    state = operator.locator("#progress .badge")
    expect(state).to_have_text("running")
    # Whoever loads the page anew begins with another window.
    operator.evaluate("window.stayed = true")
    operator.locator("#moves a").first.focus()
    focused = operator.evaluate("document.activeElement.id")
    for look in LOOKS:
        dress(operator, look)
        visits.look_at(operator, f"console-rebalance-running-{look}")
    expect(state).to_have_text("done", timeout=120_000)
    expect(operator.locator("#moves .badge")).to_have_text(["done", "done"])
    expect(operator.locator("#moves")).to_contain_text(re.compile(r"\d ms"))
    expect(operator.get_by_role("button", name="Plan a rebalance")).to_be_visible()
    expect(operator.get_by_role("button", name="Pause")).to_have_count(0)
    assert operator.evaluate("window.stayed")
    assert operator.evaluate("document.activeElement.id") == focused
    for look in LOOKS:
        dress(operator, look)
        visits.look_at(operator, f"console-rebalance-done-{look}")


def test_a_members_session_is_worth_nothing_here(visits, acme, demo):
    page = visits.member(acme)
    page.goto(visits.address(demo.operator.host, "/tenants/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to the console")


def _give_password(visits: Visits, page: Page, who: OperatorSignIn) -> None:
    page.goto(visits.address(who.host, "/sign-in/"))
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password").fill(who.password)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()


def _signs_in_with(visits: Visits, who: OperatorSignIn, code: str, *, good: bool) -> None:
    page = visits.person().new_page()
    _give_password(visits, page, who)
    page.get_by_label("Code").fill(code)
    page.keyboard.press("Enter")
    if good:
        page.wait_for_url(visits.address(who.host, "/"))
    else:
        expect(page.locator(".errorlist")).to_be_visible()
        assert findings(page) == []


def _both_factors(page: Page, password: str, code: str) -> None:
    page.get_by_label("Present password").fill(password)
    page.get_by_label("Code").fill(code)


def _confirm(page: Page, what: str, reason: str) -> None:
    form = page.get_by_role("region", name=what)
    form.get_by_label("Reason").fill(reason)
    form.get_by_label("to confirm").fill("dune")
    page.get_by_role("button", name=f"{what} dune").click()


def _becomes(visits: Visits, host: str, status: int) -> None:
    page = visits.person().new_page()
    deadline = time.monotonic() + 20
    while (seen := page.goto(visits.address(host, "/account/sign-in/")).status) != status:
        assert time.monotonic() < deadline, f"{host} still answers {seen}"
        time.sleep(0.3)
