from django.apps import AppConfig


class ProbeConfig(AppConfig):
    name = "tests.integration.migrations_tools.probe"
    label = "probe"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
