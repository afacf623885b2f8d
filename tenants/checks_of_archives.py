"""System checks of what is said about tenants that leave and arrive in archives."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from sharding.typed_settings import HINT, mistakes_of
from tenants.archives.conf import archive_settings
from tenants.archives.left_behind import unknown_labels
from tenants.checks import named


def register() -> None:
    """Tell Django of them."""
    checks.register(check_archives)


def check_archives(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """What stays behind is a model, and what runs at an arrival is there."""
    mistakes = mistakes_of(archive_settings)
    for mistake in mistakes:
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="tenants.E022",
        )
    if mistakes:
        return
    for label in unknown_labels():
        yield Error(
            f"ATOLL_LEFT_BEHIND names {label!r}, which is no model of an installed app.",
            hint="app.Model, as in the model's `_meta.label`.",
            id="tenants.E023",
        )
    for path in archive_settings().arrival_steps:
        if not callable(named(path)):
            yield Error(
                f"TENANT_ARRIVAL_STEPS names {path!r}, which cannot be imported or called.",
                hint="A dotted path to a function, as in TENANT_PROVISION_STEPS.",
                id="tenants.E024",
            )
