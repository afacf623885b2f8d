"""The app that keeps the journal of fleet migrations."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """Label `fleet`; its tables are in control."""

    name = "migrations_tools.fleet"
    label = "fleet"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"
