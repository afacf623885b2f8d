"""System checks about moves."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from sharding.moves.conf import move_settings
from sharding.typed_settings import HINT, mistakes_of


@register()
def check_limits(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Whoever works on a move holds its lease for a while."""
    for mistake in mistakes_of(move_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="sharding.E027",
        )
