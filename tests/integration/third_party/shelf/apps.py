"""The shelf app."""

from django.apps import AppConfig


class ShelfConfig(AppConfig):
    """A tenant app, as an adopter would write one."""

    name = "tests.integration.third_party.shelf"
    label = "shelf"
    atoll_home = "tenant"
    default_auto_field = "django.db.models.BigAutoField"
