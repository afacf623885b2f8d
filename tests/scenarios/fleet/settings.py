"""The product's test settings at the release of the outbox that the environment names."""

import os

from config.settings.test import *  # noqa: F403 - the way of settings

MIGRATION_MODULES = {
    "outbox": f"tests.integration.fleet.release_{os.environ['FLEET_RELEASE']}.migrations"
}
