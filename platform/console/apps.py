"""The operators' host."""

from django.apps import AppConfig

from console import checks


class ConsoleConfig(AppConfig):
    """Operators work across tenants, and so live in control."""

    name = "console"
    atoll_home = "control"

    def ready(self) -> None:
        """Register what is looked at before anything starts."""
        checks.register()
