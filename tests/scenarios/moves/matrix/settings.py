"""As all tests, with leases that are over after a second."""

from config.settings.test import *  # noqa: F403

ATOLL_MOVE_LEASE_SECONDS = 1
