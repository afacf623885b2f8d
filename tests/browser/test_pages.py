"""Every page, on a desktop and on a phone, in light and dark: reachable for everybody, and tidy."""

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

from devstack.demo.types import SignIn
from tests.browser.visits import DESKTOP, NOT_FOUND, PHONE, Visits, findings, overflows, tab_to

LOOKS = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}
STRANGERS = {"sign-in": "/account/sign-in/", "forgotten": "/account/password/forgotten/"}
TENANTS = {
    "dashboard": "/",
    "tickets": "/tickets/",
    "search": "/tickets/?text=invoice",
    "new-ticket": "/tickets/new/",
    "exports": "/exports/",
    "imports": "/imports/",
    "settings": "/settings/",
    "account": "/account/profile/",
    "tokens": "/account/tokens/",
    "password": "/account/password/",
    "address": "/account/address/",
    "members": "/account/members/",
    "api": "/api/v1/docs/",
    NOT_FOUND: "/tickets/987654321/",
}
PUBLIC = {
    "front": "/",
    "sign-up": "/sign-up/",
    "find": "/find/",
    "find-sent": "/find/sent/",
    "mail": "/mail/",
}
OF_A_TICKET = {"ticket": "", "edit": "edit/", "delete": "delete/"}
ON_THE_WAY = {
    "config.urls": {
        "workspace:import",
        *(f"accounts:{name}" for name in ("password_set", "accept", "address_confirm")),
    },
    "config.urls_public": {f"front:{name}" for name in ("sent", "confirm", "choose", "progress")},
}
"""Pages that somebody meets who does something: test_workspaces.py looks at them."""
NO_PAGES = {
    "config.urls": {f"workspace:{name}" for name in ("attachment", "export_file", "logo")},
    "config.urls_public": {f"front:{name}" for name in ("available", "enter", "steps")},
}
"""Files, pieces of pages, and a way to another page."""


def walked(urlconf):
    """The names of the views that are walked to here."""
    paths = [*STRANGERS.values(), *TENANTS.values(), *PUBLIC.values()]
    paths += [f"/tickets/1/{end}" for end in OF_A_TICKET.values()]
    for path in paths:
        with suppress(Resolver404):
            yield resolve(urlsplit(path).path, urlconf).view_name


def test_a_tenants_pages_are_for_everybody(visits, acme):
    page = visits.person().new_page()
    visits.walk_in_turn(page, acme.host, STRANGERS)
    visits.sign_in(page, acme)
    visits.walk_in_turn(page, acme.host, {**TENANTS, **_of_a_ticket(visits, page, acme)})


def test_the_public_pages_are_for_everybody(visits):
    page = visits.person().new_page()
    visits.walk_in_turn(page, "localhost", PUBLIC)


def test_no_page_is_passed_by(visits, acme):
    """A new page fails here until somebody looks at it."""
    member, visitor = visits.member(acme), visits.open("localhost")
    for page, urlconf in ((member, "config.urls"), (visitor, "config.urls_public")):
        found = visits.pages_at(page, urlconf) - NO_PAGES[urlconf]
        assert found - set(walked(urlconf)) == ON_THE_WAY[urlconf]


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_each_of_them_is_in_either_look(visits, acme, look):
    page = visits.person(**LOOKS[look]).new_page()
    visits.walk(page, "localhost", PUBLIC, look)
    visits.walk(page, acme.host, STRANGERS, look)
    visits.sign_in(page, acme)
    visits.walk(page, acme.host, {**TENANTS, **_of_a_ticket(visits, page, acme)}, look)


def _of_a_ticket(visits: Visits, page: Page, who: SignIn) -> dict[str, str]:
    page.goto(visits.address(who.host, "/tickets/"))
    path = page.locator("a.title-link").first.get_attribute("href")
    return {name: f"{path}{end}" for name, end in OF_A_TICKET.items()}


@pytest.mark.parametrize("look", LOOKS)
def test_a_host_of_nobody_has_a_page_for_everybody(visits, look):
    page = visits.person(**LOOKS[look]).new_page()
    assert page.goto(visits.address("nobody.localhost")).status == 404
    visits.look_at(page, f"nobody-{look}")
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px"


def test_the_finder_finds(visits, acme):
    """The negative control of what the tests above rely on."""
    page = visits.member(acme)
    page.evaluate("""() => {
        document.querySelector('main').innerHTML = '<img src="/x.png"><input>';
        document.body.style.width = '3000px';
    }""")
    assert findings(page)
    assert overflows(page)
    with pytest.raises(AssertionError, match="presses of Tab"):
        tab_to(page, page.locator("img"), at_most=20)
    visits.complaints.clear()


def test_a_walk_in_turn_sees_what_sticks_out_in_the_other_look(visits):
    """The second page is asked for as a desktop shows it, on which there is room."""
    page = visits.person().new_page()
    wide = "<!doctype html><html lang=en><title>x</title><main><h1>x</h1><p style='width: 900px'>x"
    page.route("**/find/", lambda route: route.fulfill(body=wide, content_type="text/html"))
    with pytest.raises(AssertionError, match="/find/, dark"):
        visits.walk_in_turn(page, "localhost", {"first": "/", "spoiled": "/find/"})


def test_a_walk_stops_at_a_page_that_is_not_as_it_should_be(visits, acme):
    """Its negative control: another answer than wanted, a page not for everybody, one too wide."""
    page = visits.person().new_page()
    with pytest.raises(AssertionError, match="no-such-page"):
        visits.walk(page, acme.host, {"lost": "/account/sign-in/no-such-page/"}, "control")
    with pytest.raises(AssertionError, match="sign-in"):
        visits.walk(page, acme.host, {NOT_FOUND: "/account/sign-in/"}, "control")
    for spoiled in (
        "<!doctype html><html lang=en><title>x</title><img src='data:,'></html>",
        "<!doctype html><html lang=en><title>x</title><h1>x</h1><pre>" + "wide " * 900,
    ):
        page.route(
            "**/find/",
            lambda route, _, body=spoiled: route.fulfill(body=body, content_type="text/html"),
        )
        with pytest.raises(AssertionError, match="/find/"):
            visits.walk(page, "localhost", {"spoiled": "/find/"}, "control")
        page.unroute("**/find/")
