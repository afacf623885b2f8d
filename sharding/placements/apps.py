"""The app that holds shards, placements and everything else that control knows of servers."""

from django.apps import AppConfig


class PlacementsConfig(AppConfig):
    """Label `placements`; all of its tables are in the control database."""

    name = "sharding.placements"
    label = "placements"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"

    def ready(self) -> None:
        """Register the system checks."""
        from sharding.placements import checks  # noqa: F401
