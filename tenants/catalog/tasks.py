"""Keep every shard's reference tables as control has them."""

from celery import shared_task
from celery.utils.log import get_task_logger

from sharding.placements.services.reference import publish_reference
from tenants.tasks import ControlTask

logger = get_task_logger(__name__)


@shared_task(base=ControlTask)
def keep_in_step() -> None:
    """Publish what has changed in control, and bring the newest to shards that were away."""
    done = publish_reference()
    for outcome in done.shards:
        if outcome.problem:
            logger.warning("reference tables of %s: %s", outcome.shard, outcome.problem)
        elif outcome.before != outcome.after:
            logger.info(
                "reference tables of %s: snapshot %s after %s",
                outcome.shard,
                outcome.after,
                outcome.before,
            )
