"""The app that keeps each tenant's outbox."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Label `outbox`; its tables are every tenant's."""

    name = "tenants.outbox"
    label = "outbox"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
