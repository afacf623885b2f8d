"""What beat starts, and when: tasks of the `control` queue, some of which fan out to tenants."""

from datetime import timedelta
from typing import Any, Final

BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "deliver what is left in outboxes": {
        "task": "tenants.outbox.tasks.sweep_outboxes",
        "schedule": timedelta(seconds=15),
        # One that could not be taken in time is no work any more: the next one is there.
        "options": {"expires": 15},
    },
    "look into the outbox of every tenant": {
        "task": "tenants.outbox.tasks.drain_all_outboxes",
        "schedule": timedelta(hours=2),
    },
    "publish reference tables that have changed": {
        "task": "tenants.catalog.tasks.keep_in_step",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "clear expired sessions of every tenant": {
        "task": "accounts.tasks.clear_sessions_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
    "go on with sign-ups whose task was lost": {
        "task": "front.tasks.sweep_sign_ups",
        "schedule": timedelta(seconds=20),
    },
    "purge old sign-ups": {
        "task": "front.tasks.purge_front",
        "schedule": timedelta(hours=1),
    },
    "purge old attempts to sign in of every tenant": {
        "task": "accounts.tasks.purge_sign_ins_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
    "purge what control keeps for a while": {
        "task": "console.tasks.purge_control",
        "schedule": timedelta(hours=1),
    },
    "purge deleted tenants whose grace is over": {
        "task": "console.tasks.purge_deleted_tenants",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "purge old exports and imports of every tenant": {
        "task": "workspace.tasks.purge_transfers_of_all_tenants",
        "schedule": timedelta(hours=6),
    },
    "go on with imports and exports whose worker is gone": {
        "task": "workspace.tasks.revive_transfers_at_work",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    "look for imports and exports in every tenant": {
        "task": "workspace.tasks.revive_transfers_of_all_tenants",
        "schedule": timedelta(minutes=30),
    },
}
