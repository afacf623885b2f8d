"""A task that meets a server that is away goes back to its queue, and comes again later.

Nothing of it is lost and nobody turns in a circle: the first pause is some seconds, each further
one twice as long, up to a minute, and after a day it fails with what it met. It runs from its
beginning again, as after a worker that was killed: tasks run at least once.
"""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from celery import Task
from celery.exceptions import Ignore, Reject, TaskPredicate
from kombu.exceptions import OperationalError as BrokerAway

from sharding.scope.latch import latched
from tenants.conf import tenant_settings
from tenants.gating.meeting import met_a_move
from tenants.outages import is_outage

log = logging.getLogger(__name__)

AWAY_TIMES: Final = "atoll_away_times"
AWAY_SINCE: Final = "atoll_away_since"

LONGEST_PAUSE_S: Final = 60
_SPREAD: Final = 0.25
"""So much shorter or longer is each pause: who left together shall not come back together."""


def pause_before(times: int, *, first_s: float) -> float:
    """Seconds until a task comes again that has been put off `times` times before."""
    return float(min(first_s * 2 ** min(times, 20), LONGEST_PAUSE_S))


@contextmanager
def put_off_while_away(task: Task) -> Iterator[None]:  # type: ignore[type-arg]
    """Around the call of a task: an outage that it meets puts it off, or a tenant that is moved.

    One that came over no queue (`apply()`) has none to go back to, and fails.

    Raises:
        Ignore: it was put off; here nothing more is to happen.
        Reject: nor could it be sent again; the broker delivers it once more.
    """
    queue = (task.request.delivery_info or {}).get("routing_key")
    if not queue:
        yield
        return
    with latched() as latch:
        try:
            yield
        except TaskPredicate:
            raise
        except Exception as error:
            ends_soon = is_outage(error) or met_a_move(latch)
            if not ends_soon or _has_waited_enough(task):
                raise
            _put_off(task, queue, error)


def _has_waited_enough(task: Task) -> bool:  # type: ignore[type-arg]
    since = header_of(task, AWAY_SINCE)
    # Of several machines' clocks; a minute does not matter to a day.
    return (
        since is not None and time.time() - since > tenant_settings().task_patience.total_seconds()
    )


def _put_off(task: Task, queue: str, error: Exception) -> NoReturn:  # type: ignore[type-arg]
    times = int(header_of(task, AWAY_TIMES) or 0)
    pause = pause_before(times, first_s=tenant_settings().task_pause.total_seconds())
    headers = {
        **(task.request.headers or {}),
        AWAY_TIMES: times + 1,
        AWAY_SINCE: header_of(task, AWAY_SINCE) or time.time(),
    }
    # The first time so that it is seen; an outage of an hour says no more than that.
    level = logging.INFO if times else logging.WARNING
    log.log(
        level, "Task %s[%s] comes again in %.0f s: %s", task.name, task.request.id, pause, error
    )
    try:
        task.send_again(  # type: ignore[attr-defined]
            headers=headers,
            queue=queue,
            countdown=pause * random.uniform(1 - _SPREAD, 1 + _SPREAD),
        )
    except BrokerAway as away:
        raise Reject(str(away), requeue=True) from away
    raise Ignore


def header_of(task: Task, name: str) -> Any:  # type: ignore[type-arg]
    """What the message that is being worked on carries under this name; None: nothing."""
    return (task.request.headers or {}).get(name)
