"""What beat starts, and when: tasks of the `control` queue, some of which fan out to tenants."""

from datetime import timedelta
from typing import Any, Final


def _every(task: str, **interval: int) -> dict[str, Any]:
    """An entry. One that could not be taken in time is no work any more: the next one is there."""
    schedule = timedelta(**interval)
    return {"task": task, "schedule": schedule, "options": {"expires": schedule.total_seconds()}}


BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "deliver what is left in outboxes": _every("tenants.outbox.tasks.sweep_outboxes", seconds=15),
    "look into the outbox of every tenant": _every(
        "tenants.outbox.tasks.drain_all_outboxes", hours=2
    ),
    "make spare schemas": _every("console.tasks.make_spares_of_all_shards", seconds=30),
    "publish reference tables that have changed": _every(
        "tenants.catalog.tasks.keep_in_step", minutes=1
    ),
    "clear expired sessions of every tenant": _every(
        "accounts.tasks.clear_sessions_of_all_tenants", hours=6
    ),
    "go on with sign-ups whose task was lost": _every("front.tasks.sweep_sign_ups", seconds=20),
    "purge old sign-ups": _every("front.tasks.purge_front", hours=1),
    "purge old attempts to sign in of every tenant": _every(
        "accounts.tasks.purge_sign_ins_of_all_tenants", hours=6
    ),
    "purge what control keeps for a while": _every("console.tasks.purge_control", hours=1),
    "go on with a rebalance whose worker is gone": _every(
        "tenants.rebalancing.tasks.carry_on", seconds=10
    ),
    "look at every shard": _every("tenants.rebalancing.tasks.sample_shards", minutes=5),
    "fold what tenants use": _every("tenants.rebalancing.tasks.keep_use", minutes=5),
    "purge deleted tenants whose grace is over": _every(
        "console.tasks.purge_deleted_tenants", hours=1
    ),
    "end moves whose movers have died": _every("console.tasks.end_stuck_moves", seconds=5),
    "purge old exports and imports of every tenant": _every(
        "workspace.tasks.purge_transfers_of_all_tenants", hours=6
    ),
    "go on with imports and exports whose worker is gone": _every(
        "workspace.tasks.revive_transfers_at_work", seconds=15
    ),
    "look for imports and exports in every tenant": _every(
        "workspace.tasks.revive_transfers_of_all_tenants", minutes=30
    ),
}
