"""The public host."""

from django.apps import AppConfig


class FrontConfig(AppConfig):
    """Pages for people who are at no tenant yet; no data."""

    name = "front"
    atoll_home = "control"
