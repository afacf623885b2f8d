"""The operators' host."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Operators work across tenants, and so live in control."""

    name = "console"
    atoll_home = "control"
