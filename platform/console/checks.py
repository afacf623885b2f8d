"""System checks of the console's settings."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from console.conf import console_settings


def register() -> None:
    """Tell Django of them."""
    checks.register(check_limits)


def check_limits(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Every time and number is one that lets operators in, and not for ever."""
    try:
        conf = console_settings()
        wrong = [each.name for each in fields(conf) if not _is_positive(getattr(conf, each.name))]
    except (TypeError, ValueError, OverflowError) as error:
        wrong = [str(error)]
    if wrong:
        yield Error(
            f"A setting of the console is no positive number: {', '.join(wrong)}.",
            hint="The settings ATOLL_CONSOLE_… that are times or numbers are above 0; "
            "docs/reference/settings.md has them all. Leave out what need not differ.",
            id="console.E001",
        )


def _is_positive(value: timedelta | int) -> bool:
    return value > timedelta(0) if isinstance(value, timedelta) else value > 0
