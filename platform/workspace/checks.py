"""System checks of the workspace's settings."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from sharding.typed_settings import HINT, mistakes_of
from workspace.api.conf import api_settings


def register() -> None:
    """Tell Django of them."""
    checks.register(check_limits)


def check_limits(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """The API answers, and not without end."""
    for mistake in mistakes_of(api_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="workspace.E001",
        )
