"""The product's test settings with apps whose migrations are of every awkward kind."""

from config.settings.test import *  # noqa: F403 - the way of settings
from config.settings.test import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.integration.migrations_tools.probe",
    "tests.integration.migrations_tools.squashed",
]
