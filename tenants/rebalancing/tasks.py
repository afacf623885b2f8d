"""What beat starts: looks at the shards, and the history of what tenants use."""

from datetime import timedelta
from typing import Final

from celery import shared_task
from celery.utils.log import get_task_logger

from routers.queues import shard_queue
from sharding.placements.models import Shard
from sharding.placements.states import ShardState
from sharding.rebalance.models import CONTROL
from sharding.rebalance.services.history import keep_history
from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.sampling import sample_shard
from tenants.tasks import ControlTask

logger = get_task_logger(__name__)

SAMPLED_EVERY: Final = timedelta(minutes=5)


@shared_task(base=ControlTask)
def sample_shards() -> None:
    """Have each shard looked at by a worker of its own queue: one that hangs holds up no other."""
    shards = Shard.objects.using(CONTROL).exclude(state=ShardState.PREPARING)
    for name in shards.values_list("name", flat=True):
        sample.apply_async((name,), queue=shard_queue(name), expires=SAMPLED_EVERY.total_seconds())


@shared_task(base=ControlTask)
def sample(shard: str) -> None:
    """Look at one shard."""
    done = sample_shard(shard)
    logger.info(
        "looked at %d tenants of %s in %.2f s: %d rows written, %d measured, %d wait for it",
        done.schemas,
        shard,
        done.seconds,
        done.written,
        done.sized,
        done.waiting,
    )


@shared_task(base=ControlTask)
def keep_use() -> None:
    """Fold what tenants have used into their rates, and forget what is old."""
    kept = keep_history()
    logger.info("folded %d spans of use, forgot %d rows", kept.folded, kept.forgotten)


@shared_task(base=ControlTask)
def carry_on() -> None:
    """Go on with the rebalance that is under way, for a minute; a worker that dies is no matter."""
    if work_on_rebalance(tell=logger.info):
        carry_on.delay()
