"""Atoll with the application of `make bench-move`, and all that beat starts in production.

Only the product's own workspace is left out, and its tasks with it.
"""

from config.schedule import BEAT_SCHEDULE
from tests.benchmarks.settings.move import *  # noqa: F403

CELERY_BEAT_SCHEDULE = {
    name: entry
    for name, entry in BEAT_SCHEDULE.items()
    if not entry["task"].startswith("workspace.")
}
