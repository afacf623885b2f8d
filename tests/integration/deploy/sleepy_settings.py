"""Production's settings, unchanged but for one more page."""

from config.settings.prod import *  # noqa: F403

ROOT_URLCONF = "tests.integration.deploy.sleepy_urls"
