"""What a team does with its workspace, from the first visit on."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.mailbox import link_for
from tests.browser.visits import findings, tab_to

PASSWORD = "correct horse battery staple"
ROWS = 4_000
"""Of an import: more than are read before its page is shown."""


def test_somebody_signs_up_and_is_in(visits):
    page = visits.open("localhost", "/")
    page.get_by_role("link", name="Make a workspace").click()
    page.get_by_label("Name of your team").fill("Fern & Moss")
    page.get_by_label("Address on the web").fill("acme")
    expect(page.get_by_role("status")).to_contain_text("Somebody has this address already")
    page.get_by_label("Your e-mail address").fill("frida@fern.example")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.locator(".errorlist")).to_contain_text("Somebody has this address already")
    page.get_by_label("Address on the web").fill("fern-moss")
    expect(page.get_by_role("status")).to_contain_text("is free")
    expect(page.locator(".errorlist")).to_have_count(0)
    visits.picture(page, "flow-sign-up")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("mail")
    visits.look_at(page, "flow-sent")

    page.goto(link_for(visits, "frida@fern.example", "/sign-up/confirm/"))
    visits.look_at(page, "flow-confirm")
    page.get_by_role("button", name="Make my workspace").click()
    visits.picture(page, "flow-progress")
    # The progress page leads there by itself once it is ready.
    page.wait_for_url(re.compile(r"//fern-moss\.localhost"), timeout=60_000)

    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome to Fern & Moss")
    assert findings(page) == []
    for field in page.get_by_label(re.compile("password", re.IGNORECASE)).all():
        field.fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(visits.address("fern-moss.localhost", "/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    visits.picture(page, "flow-welcome")


@pytest.mark.slow
def test_two_who_want_one_address_and_one_who_asks_twice(visits):
    for email in ("ann@twin.example", "bob@twin.example"):
        page = visits.open("localhost", "/sign-up/")
        page.get_by_label("Name of your team").fill("Twin")
        page.get_by_label("Address on the web").fill("twin")
        page.get_by_label("Your e-mail address").fill(email)
        page.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("mail")

    link = link_for(visits, "ann@twin.example", "/sign-up/confirm/")
    first, second = (visits.person().new_page() for _ in range(2))
    for tab in (first, second):
        tab.goto(link)
    _stand_still(first)
    first.get_by_role("button", name="Make my workspace").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("Making Twin")
    visits.look_at(first, "flow-making")
    assert link_for(visits, "ann@twin.example", "/sign-up/progress/"), "it is ready"
    # The way from a form to another host: by the page, since by redirects browsers go no further.
    second.get_by_role("button", name="Make my workspace").click()
    second.wait_for_url(re.compile(r"//twin\.localhost"))

    page.goto(link_for(visits, "bob@twin.example", "/sign-up/confirm/"))
    page.get_by_role("button", name="Make my workspace").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Somebody was faster")
    visits.look_at(page, "flow-choose")


def _stand_still(page: Page) -> None:
    """Let the page of the progress hear nothing new."""
    page.route("**/steps/", lambda route: route.fulfill(status=204))


def test_an_invited_agent_joins_and_works(visits, acme):
    """Forms, mails and links as at sign-up; what is behind them: tests/integration/accounts."""
    admin = visits.member(acme, "/account/members/")
    admin.get_by_label("E-mail addresses").fill("gus@acme.example")
    admin.get_by_role("button", name="Send invitations").click()
    expect(admin.get_by_role("status")).to_contain_text("Invited")
    visits.picture(admin, "flow-invited")

    gus = visits.person().new_page()
    gus.goto(link_for(visits, "gus@acme.example", "/account/join/"))
    assert findings(gus) == []
    gus.get_by_label("Name").fill("Gus")
    for field in gus.get_by_label(re.compile("password", re.IGNORECASE)).all():
        field.fill(PASSWORD)
    gus.get_by_role("button", name="Join").click()
    expect(gus.get_by_role("heading", level=1)).to_have_text("Dashboard")
    assert gus.goto(visits.address(acme.host, "/settings/")).status == 403
    visits.look_at(gus, "flow-not-allowed")

    admin.reload()
    expect(admin.get_by_role("list").filter(has_text="gus@acme.example").first).to_be_visible()

    gus.goto(visits.address(acme.host, "/account/address/"))
    gus.get_by_label("New e-mail address").fill("august@acme.example")
    gus.get_by_label("Your password").fill(PASSWORD)
    gus.keyboard.press("Enter")
    gus.goto(link_for(visits, "august@acme.example", "/account/address/"))
    visits.look_at(gus, "flow-address")
    gus.get_by_role("button", name="Confirm").click()
    expect(gus.get_by_role("status")).to_contain_text("august@acme.example")


def test_a_tickets_life_by_keyboard_alone(visits, acme):
    page = visits.member(acme)
    tab_to(page, page.get_by_role("link", name="New ticket").first)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.type("The printer is on fire")
    page.keyboard.press("Tab")
    page.keyboard.type("Smoke comes out of <b>tray two</b>.")
    _press(page, "Open ticket", "Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The printer is on fire")
    # What people type is text, and never becomes a part of the page.
    expect(page.get_by_text("<b>tray two</b>")).to_be_visible()
    assert findings(page) == []

    tab_to(page, page.get_by_label("Priority"))
    # Lists take letters as well as arrows.
    page.keyboard.type("Urgent")
    _press(page, "Save", "Enter")
    expect(page.get_by_text("Urgent priority")).to_be_visible()
    tab_to(page, page.get_by_label("Comment").first)
    page.keyboard.type("Water it is.")
    _press(page, "Comment", "Space")
    expect(page.get_by_text("Water it is.")).to_be_visible()
    visits.picture(page, "flow-ticket")
    _press(page, "Close ticket", "Space")
    expect(page.get_by_role("complementary").get_by_text("Closed").first).to_be_visible()

    tab_to(page, page.get_by_role("navigation").get_by_role("link", name="Tickets"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tickets")
    tab_to(page, page.get_by_label("Search"))
    page.keyboard.type("printer")
    tab_to(page, page.get_by_label("Status"))
    # By arrows, as far as they go: the last one is "Any status", which shows closed ones too.
    for _ in page.get_by_label("Status").locator("option").all():
        page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Status")).to_have_value("all")
    with page.expect_navigation(url=re.compile("text=printer&status=all")):
        _press(page, "Show", "Enter")
    found = page.get_by_role("link", name="The printer is on fire")
    tab_to(page, found)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The printer is on fire")


def _press(page: Page, button: str, key: str) -> None:
    tab_to(page, page.get_by_role("button", name=button, exact=True))
    page.keyboard.press(key)


def test_an_import_shows_how_far_it_is(visits, acme, tmp_path):
    rows = "\n".join(f"Imported {number},low" for number in range(1, ROWS + 1))
    file = tmp_path / "tickets.csv"
    file.write_text(f"title,priority\n{rows}\n,low\n")
    page = visits.member(acme, "/imports/")
    asked = []
    page.on("request", lambda request: asked.append(request.headers.get("hx-request")))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Import tickets").click()
    expect(page.get_by_text(f"of {ROWS + 1} rows")).to_be_visible()
    status = page.get_by_role("status")
    expect(status).to_have_text(
        re.compile(f"Done: {ROWS} tickets imported, 1 row refused"), timeout=60_000
    )
    assert "true" in asked, "the page asks by itself, without a reload"
    assert findings(page) == []
    visits.picture(page, "flow-import")
    page.goto(visits.address(acme.host, "/tickets/?text=imported"))
    expect(page.get_by_role("link", name=f"Imported {ROWS}")).to_be_visible()
