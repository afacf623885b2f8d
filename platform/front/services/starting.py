"""Start a task of ours, or learn soon that there is no broker to start it."""

import logging
from typing import Any

from celery import Task
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError

from front.errors import BrokerAway

log = logging.getLogger(__name__)


def start(task: "Task[Any, Any]", argument: str) -> None:
    """Send `task`.

    Raises:
        BrokerAway: within about two seconds.
    """
    try:
        task.apply_async((argument,), retry=False)
    except (KombuError, CeleryError, OSError) as error:
        raise BrokerAway from error


def start_or_leave(task: "Task[Any, Any]", argument: str) -> None:
    """Send `task`; where the broker is away, leave it to the sweep, which knows of the work."""
    try:
        start(task, argument)
    except BrokerAway as error:
        log.warning("%s(%s) is left to the sweep: %s", task.name, argument, error.__cause__)
