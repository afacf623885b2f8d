"""The development servers as a Django app: it has commands and no models."""

import os

from django.apps import AppConfig

from devstack.conf import Files, default_folder
from sharding.placements.telling import advise_on_outages
from sharding.registry.current import ENVIRONMENT_VARIABLE


class DevstackConfig(AppConfig):
    """Nothing of it is stored; the servers' folder is all it has."""

    name = "devstack"
    atoll_home = "control"

    def ready(self) -> None:
        """Have commands that meet no server say how to start ours."""
        advise_on_outages(_how_to_start)


def _how_to_start() -> str:
    if os.environ.get(ENVIRONMENT_VARIABLE) != str(Files(default_folder()).registry):
        return ""
    return "Start the development servers with `manage.py devstack up`."
