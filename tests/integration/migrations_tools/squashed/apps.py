from django.apps import AppConfig


class SquashedConfig(AppConfig):
    name = "tests.integration.migrations_tools.squashed"
    label = "squashed"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
