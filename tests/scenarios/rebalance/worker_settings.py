"""The settings of the worker and of beat that this folder starts.

Beat sends nothing but what goes on with a rebalance, as often as in production; nobody moves but
who is pinned.
"""

from config.schedule import BEAT_SCHEDULE
from tests.integration.tenants.worker_settings import *  # noqa: F403

CELERY_BEAT_SCHEDULE = {
    name: entry for name, entry in BEAT_SCHEDULE.items() if entry["task"].endswith(".carry_on")
}
ATOLL_REBALANCE_ENTER = 1
ATOLL_REBALANCE_LEAVE = 1
ATOLL_REBALANCE_FLOOR = 1
