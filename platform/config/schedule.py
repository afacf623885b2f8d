"""What beat starts, and when: tasks of the `control` queue, some of which fan out to tenants."""

from datetime import timedelta
from typing import Any, Final

BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "clear expired sessions of every tenant": {
        "task": "accounts.tasks.clear_sessions_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
    "purge what control keeps for a while": {
        "task": "console.tasks.purge_control",
        "schedule": timedelta(hours=1),
    },
    "purge old exports of every tenant": {
        "task": "workspace.tasks.purge_exports_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
}
