"""The app that replaces Django's commands about migrations. It has no tables."""

from django.apps import AppConfig


class MigrationsToolsConfig(AppConfig):
    """Stands before Django's own apps, so that its commands win."""

    name = "migrations_tools"

    def ready(self) -> None:
        """Register the system checks, and with layers below what only migrations can tell."""
        from migrations_tools import checks  # noqa: F401
        from migrations_tools.move_shape import TenantShape
        from migrations_tools.services.control import how_control_catches_up
        from sharding.moves.ports import register_shape
        from sharding.placements.telling import explain_what_is_not_there

        register_shape(TenantShape())
        explain_what_is_not_there(how_control_catches_up)
