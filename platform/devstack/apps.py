"""The development servers as a Django app: it has commands and no models."""

from django.apps import AppConfig


class DevstackConfig(AppConfig):
    """Nothing of it is stored; the servers' folder is all it has."""

    name = "devstack"
    atoll_home = "control"
