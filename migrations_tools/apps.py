"""The app that replaces Django's commands about migrations. It has no tables."""

from django.apps import AppConfig


class MigrationsToolsConfig(AppConfig):
    """Stands before Django's own apps, so that its commands win."""

    name = "migrations_tools"

    def ready(self) -> None:
        """Register the system checks, and with moves how a tenant's tables are made."""
        from migrations_tools import checks  # noqa: F401
        from migrations_tools.move_shape import TenantShape
        from sharding.moves.ports import register_shape

        register_shape(TenantShape())
