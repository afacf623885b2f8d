"""Tasks of the workspace; each runs on the queue of its tenant's shard."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from celery.utils.log import get_task_logger
from kombu.exceptions import OperationalError

from sharding import scope
from tenants.directory.lookup import lookup_id
from tenants.fan_out import start_for_all_tenants, takes_work
from tenants.tasks import ControlTask, TenantTask
from workspace.services import (
    attachments,
    exports,
    imports,
    imports_stalled,
    receipts,
    transfers_at_work,
)

logger = get_task_logger(__name__)

SPREAD: Final = timedelta(minutes=10)
# An import's turn, after which it queues up again: the tenants of a shard share its workers.
TURN: Final = timedelta(seconds=15)

EXPIRES: Final = timedelta(seconds=15)


@shared_task(base=TenantTask)
def export_tickets(export_id: str) -> None:
    """Write the file of an export."""
    rows = exports.write_export(UUID(export_id))
    logger.info("export %s: %s tickets", export_id, "no" if rows is None else rows)


@shared_task(base=TenantTask)
def import_tickets(import_id: str) -> None:
    """Go on with an import for one turn; a new task takes the next, if there is a queue."""
    outcome = imports.Outcome.MORE
    while outcome is imports.Outcome.MORE:
        outcome = imports.work_on(UUID(import_id), turn=TURN)
        logger.info("import %s: %s", import_id, outcome.value)
        if outcome is imports.Outcome.MORE and send_quietly(import_tickets, UUID(import_id)):
            return


@shared_task(base=TenantTask)
def revive_transfers() -> None:
    """Send the tasks of this tenant's imports and exports whose worker is gone."""
    for key in imports_stalled.claim_stalled():
        logger.info("import %s: its worker is gone", key)
        import_tickets.delay(str(key))
    for key in exports.claim_stalled_exports():
        logger.info("export %s: its worker is gone", key)
        export_tickets.delay(str(key))
    transfers_at_work.take_hint_back()


@shared_task(base=ControlTask)
def revive_transfers_at_work() -> None:
    """Let those tenants look that have hinted at imports or exports under way."""
    for tenant_id in transfers_at_work.hinted_tenants():
        entry = lookup_id(tenant_id)
        if entry is None:
            transfers_at_work.forget_hint(tenant_id)
        elif takes_work(revive_transfers, entry.verdict):
            with scope.enter(entry.placement):
                # Not to be heaped up while no worker is there.
                revive_transfers.apply_async(expires=EXPIRES.total_seconds())


@shared_task(base=ControlTask)
def revive_transfers_of_all_tenants() -> None:
    """Let every tenant look for imports and exports whose worker is gone."""
    start_for_all_tenants(revive_transfers, spread=SPREAD, good_for=timedelta(minutes=30))


@shared_task(base=TenantTask)
def purge_transfers() -> None:
    """Delete this tenant's old exports, imports and receipts, and files that nobody refers to."""
    logger.info("purged %d exports", exports.purge_exports())
    logger.info("purged %d imports", imports.purge_imports())
    logger.info("purged %d receipts", receipts.purge_receipts())
    logger.info("swept up %d files", attachments.sweep_files())


@shared_task(base=ControlTask)
def purge_transfers_of_all_tenants() -> None:
    """Let every tenant's old exports and imports be deleted, each at a moment of its own."""
    start_for_all_tenants(purge_transfers, spread=SPREAD, good_for=timedelta(hours=6))


def send_quietly(task: Any, key: UUID) -> bool:
    """Send a task about the row `key`; False, and a line in the log, while the broker is away."""
    try:
        task.delay(str(key))
    except OperationalError as error:
        logger.warning("%s %s: the queue of tasks is away: %s", task.name, key, error)
        return False
    return True
