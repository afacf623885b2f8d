"""Plain Django on one schema: what all others are compared with."""

from tests.benchmarks.settings.peers import *  # noqa: F403
from tests.benchmarks.settings.peers import DATABASE

DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **DATABASE}}
