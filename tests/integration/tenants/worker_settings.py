"""The settings of the worker that tests of tasks start: as in tests, but it hears announcements,
and has breakers as in production."""

from config.settings.test import *  # noqa: F403

ATOLL_PROCESS_ROWS = True
ATOLL_HEARTBEAT_SECONDS = 0.2
ATOLL_TASK_PAUSE_SECONDS = 0.5
ATOLL_BREAKERS = True
