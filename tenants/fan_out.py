"""Start a task once for every tenant, spread over a while."""

import random
from datetime import timedelta

from celery import Task

from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.states import PlacementState
from tenants.models import CONTROL, Tenant
from tenants.serving import Verdict, may_serve
from tenants.states import TenantState


def start_for_all_tenants(
    task: Task,  # type: ignore[type-arg]
    *,
    spread: timedelta,
    good_for: timedelta,
) -> int:
    """Send `task` (a TenantTask) for every tenant that takes work; return for how many.

    Each starts at a random moment within `spread`: all at once would queue up before every shard,
    and meet everybody else's on the hour. One that nobody could take within `good_for` is no
    work any more, for then the next is there: a shard that was away shall not come back to a heap.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; those sent until then are sent.
    """
    states = dict(Tenant.objects.using(CONTROL).values_list("id", "state"))
    sent = 0
    for placement in Placement.objects.using(CONTROL).filter(tenant_id__in=states):
        verdict = may_serve(
            TenantState(states[placement.tenant_id]), PlacementState(placement.state)
        )
        if takes_work(task, verdict):
            with scope.enter(placement.to_scope()):
                # A delay against herds, no secret.
                task.apply_async(
                    countdown=random.uniform(0, spread.total_seconds()),
                    expires=good_for.total_seconds(),
                )
            sent += 1
    return sent


def takes_work(task: object, verdict: Verdict) -> bool:
    """Whether `task` may run for a tenant about which `may_serve` says `verdict`."""
    return verdict in (Verdict.SERVE, Verdict.WAIT) or (
        verdict is Verdict.SUSPENDED and bool(getattr(task, "runs_while_suspended", False))
    )
