"""The app that keeps the journal of moves."""

from django.apps import AppConfig


class MovesConfig(AppConfig):
    """Label `moves`; its tables are in the control database."""

    name = "sharding.moves"
    label = "moves"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"

    def ready(self) -> None:
        """Register the system checks."""
        from sharding.moves import checks  # noqa: F401
