"""Tasks of the workspace; each runs on the queue of its tenant's shard."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from celery import shared_task
from celery.utils.log import get_task_logger

from tenants.fan_out import start_for_all_tenants
from tenants.tasks import ControlTask, TenantTask
from workspace.services import exports

logger = get_task_logger(__name__)

SPREAD: Final = timedelta(minutes=10)


@shared_task(base=TenantTask)
def export_tickets(export_id: str) -> None:
    """Write the file of an export."""
    rows = exports.write_export(UUID(export_id))
    logger.info("export %s: %d tickets", export_id, rows)


@shared_task(base=TenantTask)
def purge_exports() -> None:
    """Delete this tenant's old exports."""
    logger.info("purged %d old exports", exports.purge_exports())


@shared_task(base=ControlTask)
def purge_exports_of_all_tenants() -> None:
    """Let every tenant's old exports be deleted, each at a moment of its own."""
    start_for_all_tenants(purge_exports, spread=SPREAD)
