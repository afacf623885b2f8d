"""What beat does in the control database."""

from celery import shared_task
from celery.utils.log import get_task_logger

from console.services.sign_in import purge_failures
from console.sessions import SessionStore
from sharding.moves.services.watching import recover_stuck_moves
from sharding.placements.services.processes import purge_announcements, purge_processes
from tenants.services.change_slug import purge_retired_slugs
from tenants.services.purge_due import purge_due, tenants_to_purge
from tenants.tasks import ControlTask

logger = get_task_logger(__name__)


@shared_task(base=ControlTask)
def purge_control() -> None:
    """Delete what control keeps for a while only."""
    SessionStore.clear_expired()
    logger.info(
        "purged %d slugs out of quarantine, %d silent processes, %d old announcements, "
        "%d failures to sign in",
        purge_retired_slugs(),
        purge_processes(),
        purge_announcements(),
        purge_failures(),
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
