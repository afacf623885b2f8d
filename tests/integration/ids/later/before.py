"""The product's test settings, and an adopter's app in its first release."""

from config.settings.test import *  # noqa: F403 - the way of settings
from config.settings.test import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.integration.ids.later.diary_one"]
