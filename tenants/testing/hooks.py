"""What other plugins can tell the kit."""

from pathlib import Path

import pytest

from tenants.testing.types import ThrowAway


@pytest.hookspec(firstresult=True)
def pytest_atoll_throw_away(folder: Path, kept: bool) -> ThrowAway | None:
    """Servers that are made for tests and thrown away; None where this plugin has none.

    folder: where they may keep their files; all processes of a run name the same.
    kept: whether the next run shall find their data again.
    """
