"""The app that keeps images."""

from django.apps import AppConfig


class ImagesConfig(AppConfig):
    """Label `images`; its table is in control."""

    name = "migrations_tools.images"
    label = "images"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"
