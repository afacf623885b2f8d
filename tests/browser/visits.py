"""Pages of the demo in a browser, watched for what nobody would see."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

from devstack.demo.types import Running, SignIn
from tests.integration.product.test_permissions import views

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LOOKS = {"light": DESKTOP, "dark": PHONE}
"""Viewports by colour scheme."""
NOT_FOUND = "not-found"
"""The name of a path, among those to walk, that is wanted to answer 404."""
SERIOUS = ("serious", "critical")
_WAITS_MS = 15_000
# What the browser says of itself when a page answers 4xx on purpose.
_OF_THE_BROWSER = "Failed to load resource"
# All that axe knows of a page is ten times as much as what it finds wrong: that stays there.
_WRONG = """
async impacts => (await axe.run({resultTypes: ["violations"]})).violations
    .filter(each => impacts.includes(each.impact))
    .map(each => `${each.id}: ${each.help}: ${each.nodes.map(node => node.html.slice(0, 160))}`)
"""
# One after the other: a tenant has few slots.
_ASK = """async paths => {
    const answers = [];
    for (const path of paths) {
        const answer = await fetch(path);
        answers.push([answer.status, answer.headers.get("content-type")]);
    }
    return answers;
}"""


class Visits:
    """Contexts of one test: each has cookies of its own, like a person at a computer of theirs.

    Attributes:
        complaints: scripts that failed, and whatever a page's policy has kept from happening.
    """

    def __init__(
        self,
        demo: Running,
        browser: Browser,
        contexts: ExitStack,
        signed_in: dict[str, Any],
        pictures: Path | None,
    ) -> None:
        self.demo = demo
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts = contexts
        self._signed_in = signed_in
        self._pictures = pictures

    def address(self, host: str, path: str = "/") -> str:
        """The address of a path on a host of the demo, with or without its port."""
        return f"http://{host.partition(':')[0]}:{self.demo.port}{path}"

    def person(self, **how: Any) -> BrowserContext:
        """Somebody new, whom no host knows. `how` is Playwright's: viewport, color_scheme, …"""
        # A button whose colour fades in has too little contrast for a moment.
        still = {"viewport": DESKTOP, "reduced_motion": "reduce"}
        context = self._browser.new_context(**{**still, **how})
        context.set_default_timeout(_WAITS_MS)
        self._contexts.callback(context.close)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        return context

    def open(self, host: str, path: str = "/", **how: Any) -> Page:
        """A page as a new person sees it."""
        page = self.person(**how).new_page()
        page.goto(self.address(host, path))
        return page

    def member(self, who: SignIn, path: str = "/", **how: Any) -> Page:
        """A page as seen by somebody who has signed in: here, or in an earlier test."""
        cookies = self._signed_in.get(who.slug)
        page = self.person(**how, storage_state=cookies).new_page()
        if cookies:
            page.goto(self.address(who.host, path))
        else:
            self.sign_in(page, who, path)
            self._signed_in[who.slug] = page.context.storage_state()
        return page

    def sign_in(self, page: Page, who: SignIn, path: str = "/") -> None:
        """Sign a page's person in, and lead them to `path`."""
        page.goto(self.address(who.host, f"/account/sign-in/?next={path}"))
        page.get_by_label("E-mail address").fill(who.email)
        page.get_by_label("Password").fill(who.password)
        page.keyboard.press("Enter")
        page.wait_for_url(self.address(who.host, path))

    def walk(self, page: Page, host: str, paths: dict[str, str], look: str) -> None:
        """Look at each path: it answers, everybody can use it, and nothing sticks out.

        paths: by the name of the picture; NOT_FOUND's is to answer 404, the others 200.
        """
        for name, path in paths.items():
            answer = page.goto(self.address(host, path))
            wanted = 404 if name == NOT_FOUND else 200
            assert answer is not None
            assert answer.status == wanted, path
            self.look_at(page, f"{name}-{look}")

    def walk_in_turn(self, page: Page, host: str, paths: dict[str, str]) -> None:
        """Look at each path in both looks: it answers, and nothing sticks out.

        Whether everybody can use it takes longest, and is asked in one look, the next page in the
        other.
        """
        for number, (name, path) in enumerate(paths.items()):
            first, then = sorted(LOOKS, reverse=bool(number % 2))
            dress(page, first)
            self.walk(page, host, {name: path}, first)
            dress(page, then)
            assert not overflows(page), f"{page.url}, {then}"

    def pages_at(self, page: Page, urlconf: str) -> set[str]:
        """By name, the views of the page's host that show something to somebody who looks."""
        asked = views(urlconf)
        answers = page.evaluate(_ASK, [view.path for view in asked])
        return {
            view.name
            for view, (status, kind) in zip(asked, answers, strict=True)
            if status != 405 and (kind or "").startswith("text/html")
        }

    def look_at(self, page: Page, name: str) -> None:
        """Keep a picture of the page, which everybody can use and which is not too wide."""
        self.picture(page, name)
        found = findings(page)
        assert not found, f"{page.url}: {found}"
        assert not overflows(page), page.url

    def picture(self, page: Page, name: str) -> None:
        """Keep what the page looks like, where somebody wants to look."""
        if self._pictures is not None:
            self._pictures.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self._pictures / f"{name}.png", full_page=True)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_OF_THE_BROWSER):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")


def findings(page: Page) -> list[str]:
    """What axe finds wrong for people with disabilities, serious things only."""
    page.evaluate(AXE_SCRIPT)
    return list(page.evaluate(_WRONG, list(SERIOUS)))


def dress(page: Page, look: str) -> None:
    """Show the page on that look's screen, in its colours."""
    page.set_viewport_size(LOOKS[look])
    page.emulate_media(color_scheme=look)


def overflows(page: Page) -> bool:
    """Whether the page is wider than what shows it, so that a phone would scroll sideways."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def tab_to(page: Page, wanted: Locator, *, at_most: int = 40) -> None:
    """Press Tab until `wanted` has the focus.

    Raises:
        AssertionError: it has not after `at_most` presses.
    """
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{at_most} presses of Tab do not lead to {wanted}.")
