"""Every page, on a desktop and on a phone, in light and dark: reachable for everybody, and tidy."""

import pytest

from tests.browser.visits import DESKTOP, PHONE, findings, overflows

LOOKS = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}
TENANTS = {
    "dashboard": "/",
    "tickets": "/tickets/",
    "search": "/tickets/?text=invoice",
    "new-ticket": "/tickets/new/",
    "exports": "/exports/",
    "account": "/account/profile/",
    "members": "/account/members/",
}
PUBLIC = {"front": "/", "sign-up": "/sign-up/", "find": "/find/"}


@pytest.mark.parametrize("look", LOOKS)
def test_a_tenants_pages_are_for_everybody(visits, acme, look):
    page = visits.member(acme, **LOOKS[look])
    for name, path in TENANTS.items():
        answer = page.goto(visits.address(acme.host, path))
        assert answer.status == 200, path
        visits.picture(page, f"{name}-{look}")
        assert findings(page) == [], path
        assert not overflows(page), path


@pytest.mark.parametrize("look", LOOKS)
def test_the_public_pages_are_for_everybody(visits, look):
    page = visits.open("localhost", **LOOKS[look])
    for name, path in PUBLIC.items():
        answer = page.goto(visits.address("localhost", path))
        assert answer.status == 200, path
        visits.picture(page, f"{name}-{look}")
        assert findings(page) == [], path
        assert not overflows(page), path


def test_the_finder_finds(visits, acme):
    """The negative control of what the tests above rely on."""
    page = visits.member(acme)
    page.evaluate("""() => {
        document.querySelector('main').innerHTML = '<img src="/x.png"><input>';
        document.body.style.width = '3000px';
    }""")
    assert findings(page)
    assert overflows(page)
    visits.complaints.clear()
