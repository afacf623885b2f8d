"""What beat starts, and when. Each entry is a task of the `control` queue that fans out."""

from datetime import timedelta
from typing import Any, Final

BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "clear expired sessions of every tenant": {
        "task": "accounts.tasks.clear_sessions_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
    "purge old exports of every tenant": {
        "task": "workspace.tasks.purge_exports_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
}
