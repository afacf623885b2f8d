"""System checks of the settings about a tenant's people."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from accounts.conf import account_settings
from sharding.typed_settings import HINT, mistakes_of


def register() -> None:
    """Tell Django of them."""
    checks.register(check_limits)


def check_limits(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Every time and number is one that lets people in, and not without end."""
    for mistake in mistakes_of(account_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="accounts.E001",
        )
