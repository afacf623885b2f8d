"""The demo as a person starts it, and browsers to look at it with.

Both last for this package only: Playwright keeps an event loop running in the main thread, in which
Django's ORM would refuse to work for every test after it. Nothing here uses the ORM.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from devstack.demo.types import Running, SignIn
from tests.browser.demo import Up, running_demo
from tests.browser.visits import Visits
from tests.fixtures.servers import missing

PICTURES = os.environ.get("ATOLL_PICTURES")
"""A folder: each picture that a test takes is kept there, to be looked at."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # The first one waits for the demo, and each for mails and workers.
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="package")
def up() -> Iterator[Up]:
    """`manage.py demo` on a free port; gone afterwards."""
    with running_demo() as started:
        yield started


@pytest.fixture(scope="package")
def demo(up: Up) -> Running:
    """What it says of itself."""
    return up.running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        missing("this machine has no chromium")
    # As root, or in a container, Chromium's own sandbox cannot be set up.
    with sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=binary, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def signed_in() -> dict[str, Any]:
    """By slug, what a browser keeps of a member who has signed in; passwords are slow to check."""
    return {}


@pytest.fixture
def visits(demo: Running, browser: Browser, signed_in: dict[str, Any]) -> Iterator[Visits]:
    """Opens hosts of the demo; fails the test for errors that pages had on their own."""
    with ExitStack() as contexts:
        made = Visits(demo, browser, contexts, signed_in, Path(PICTURES) if PICTURES else None)
        yield made
        assert not made.complaints, "\n".join(made.complaints)


@pytest.fixture
def acme(demo: Running) -> SignIn:
    return next(each for each in demo.sign_ins if each.slug == "acme")


@pytest.fixture
def coral(demo: Running) -> SignIn:
    return next(each for each in demo.sign_ins if each.slug == "coral")
