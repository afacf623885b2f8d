"""What beat does in the control database."""

from celery import shared_task
from celery.utils.log import get_task_logger

from console.services.sign_in import purge_failures
from console.sessions import SessionStore
from sharding.placements.services.processes import purge_announcements, purge_processes
from tenants.services.change_slug import purge_retired_slugs
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
