"""The settings of the third-party tests, and an app whose migrations each test writes."""

from tests.integration.third_party.settings import *  # noqa: F403 - the way of settings
from tests.integration.third_party.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.integration.replay.made"]
MIGRATION_MODULES = {"made": None}
