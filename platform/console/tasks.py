"""What beat does in the control database, and with the spare schemas of shards."""

from datetime import timedelta
from typing import Final

from celery import shared_task
from celery.utils.log import get_task_logger

from console.services.sign_in import purge_failures
from console.sessions import SessionStore
from migrations_tools.spares.services.fill import make_spares
from migrations_tools.spares.services.shards import spare_shards
from routers.queues import shard_queue
from sharding.moves.services.roles_left import drop_roles_left
from sharding.moves.services.watching import recover_stuck_moves
from sharding.placements.services.processes import purge_announcements, purge_processes
from tenants.services.change_slug import purge_retired_slugs
from tenants.services.purge_due import purge_due, tenants_to_purge
from tenants.tasks import ControlTask

logger = get_task_logger(__name__)

LAST: Final = 9
"""Of Redis's priorities: a worker takes such a task when there is no other."""
_GOOD_FOR: Final = timedelta(seconds=30)
"""As long as it takes beat to send the next."""


@shared_task(base=ControlTask)
def purge_control() -> None:
    """Delete what is kept for a while only."""
    SessionStore.clear_expired()
    logger.info(
        "purged %d slugs out of quarantine, %d silent processes, %d old announcements, "
        "%d failures to sign in, %d roles of tenants that have moved",
        purge_retired_slugs(),
        purge_processes(),
        purge_announcements(),
        purge_failures(),
        drop_roles_left(),
    )


@shared_task(base=ControlTask)
def purge_deleted_tenants() -> None:
    """Drop the data of deleted tenants whose grace is over; go on where a purge was cut off."""
    for result in purge_due(tenants_to_purge()):
        if result.error:
            logger.error("%s", result.error)
        else:
            logger.info(
                "tenant %s is purged: %d tables, %d files",
                result.tenant_id,
                result.tables,
                result.files,
            )


@shared_task(base=ControlTask)
def end_stuck_moves() -> None:
    """Finish, or take back, the moves whose movers have died."""
    for receipt in recover_stuck_moves():
        logger.info("move %d of tenant %s is %s", receipt.move_id, receipt.tenant_id, receipt.state)


@shared_task(base=ControlTask)
def make_spares_of_all_shards() -> None:
    """Have each shard's own workers look after its spares, when they have nothing else to do."""
    for shard in spare_shards():
        _send_spares_of(shard)


@shared_task(base=ControlTask)
def make_spares_of(shard: str) -> None:
    """Make one spare, where one is missing, and come again for the next.

    One at a time: whoever came to the queue meanwhile goes first.
    """
    report = make_spares(shard, most=1)
    if report.made:
        logger.info("%s has %d of %d spares", shard, report.ready, report.wanted)
        if report.ready < report.wanted:
            _send_spares_of(shard)
    if report.problem and report.ready < report.wanted:
        logger.warning("spares of %s: %s", shard, report.problem)


def _send_spares_of(shard: str) -> None:
    make_spares_of.apply_async(
        (shard,),
        queue=shard_queue(shard),
        priority=LAST,
        expires=_GOOD_FOR.total_seconds(),
    )
