"""The public host."""

from django.apps import AppConfig


class FrontConfig(AppConfig):
    """Pages for people who are at no tenant yet, and the rows that lead them to one."""

    name = "front"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"
