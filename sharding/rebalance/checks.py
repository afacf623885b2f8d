"""System checks about rebalancing."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from sharding.rebalance.conf import rebalance_settings
from sharding.typed_settings import HINT, mistakes_of


@register()
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Whoever keeps the history or plans goes by them."""
    for mistake in mistakes_of(rebalance_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="sharding.E028",
        )
