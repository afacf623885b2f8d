"""The app's configuration."""

from django.apps import AppConfig


class MadeConfig(AppConfig):
    """Its tables are tenants'."""

    name = "tests.integration.replay.made"
    label = "made"
    atoll_home = "tenant"
