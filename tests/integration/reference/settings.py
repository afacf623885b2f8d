"""The settings of the tests, and an app of tenants whose model refers to a reference table."""

from config.settings.test import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.integration.reference.shop"]  # noqa: F405
