"""One task for every tenant, spread over time."""

import random
from datetime import timedelta

from celery import Task

from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.states import PlacementState


def start_for_all_tenants(task: Task, *, spread: timedelta) -> int:
    """Send a tenant's task once for every tenant that is in place; return how many.

    Each starts at a random moment within `spread`, which should be minutes: thousands of tenants
    at one instant would be a herd on their shards, and a worker keeps what is not due in memory.

    Transaction: must not be called inside one.
    Idempotent: as far as `task` is. After a broker that failed half-way, the next call sends all.
    """
    ready = Placement.objects.filter(state=PlacementState.READY).order_by("tenant_id")
    placements = [placement.to_scope() for placement in ready]
    for placement in placements:
        with scope.enter(placement):
            task.apply_async(countdown=random.uniform(0, spread.total_seconds()))
    return len(placements)
