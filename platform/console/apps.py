"""The operators' host."""

from functools import partial

from django.apps import AppConfig

from console import checks
from tenants.gating.rescue import REST_S, register_rescue


class ConsoleConfig(AppConfig):
    """Operators work across tenants, and so live in control."""

    name = "console"
    atoll_home = "control"

    def ready(self) -> None:
        """Register what is looked at before anything starts, and who ends a move that is stuck."""
        from console.tasks import end_stuck_moves

        checks.register()
        ask = end_stuck_moves.apply_async
        # Beat asks as often: what was not taken in time is no work any more.
        register_rescue(partial(ask, retry=False, expires=REST_S))
