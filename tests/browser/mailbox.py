"""Reading the demo's mail as its people do: on the page that shows it."""

import re
import time

from playwright.sync_api import Page

from tests.browser.visits import Visits

ARRIVES_WITHIN_S = 60


def link_for(visits: Visits, address: str, like: str) -> str:
    """The newest link in a mail to `address` that `like`, a regular expression, finds.

    Mails go by tasks: waits for it.
    """
    page = visits.open("localhost", "/mail/")
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while time.monotonic() < deadline:
        found = _links(page, address, like)
        if found:
            page.context.close()
            return found[0]
        page.wait_for_timeout(300)
        page.reload()
    raise AssertionError(f"No mail to {address} has a link like {like}.")


def _links(page: Page, address: str, like: str) -> list[str]:
    mails = page.locator("article.mail", has_text=f"to {address}")
    links = [link.get_attribute("href") or "" for link in mails.get_by_role("link").all()]
    return [link for link in links if re.search(like, link)]
