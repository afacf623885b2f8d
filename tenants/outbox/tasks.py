"""Tasks of the outbox: drain one tenant's, and find those that have something left."""

from datetime import timedelta
from typing import Final

from celery import shared_task
from celery.utils.log import get_task_logger

from tenants.fan_out import start_for_all_tenants
from tenants.outbox.services.drain import drain
from tenants.outbox.services.sweep import sweep
from tenants.tasks import ControlTask, TenantTask

logger = get_task_logger(__name__)

SPREAD: Final = timedelta(minutes=30)
# Beat sends the next after so long.
GOOD_FOR: Final = timedelta(hours=2)


@shared_task(base=TenantTask, runs_while_suspended=True)
def drain_outbox() -> None:
    """Deliver this tenant's messages.

    Of a suspended tenant as well: what it committed before is still to be told.
    """
    done = drain()
    if done.delivered or done.failed or done.parked:
        logger.info(
            "outbox: %d delivered, %d to be tried again, %d parked",
            done.delivered,
            done.failed,
            done.parked,
        )
    if done.more:
        drain_outbox.apply_async()


@shared_task(base=ControlTask)
def sweep_outboxes() -> None:
    """Ask for a drain wherever a shard's statistics say that messages are left."""
    asked = sweep(drain_outbox)
    if asked:
        logger.info("outboxes: %d tenants have messages left", asked)


@shared_task(base=ControlTask)
def drain_all_outboxes() -> None:
    """Ask for a drain of every tenant, each at a moment of its own: statistics may be lost."""
    start_for_all_tenants(drain_outbox, spread=SPREAD, good_for=GOOD_FOR)
