"""The app that knows the tenants."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Label `tenants`; all of its tables are in the control database."""

    name = "tenants"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"

    def ready(self) -> None:
        """Hook tenants into the layers below, and into Django's signatures."""
        from tenants import start

        start.hook_in()
