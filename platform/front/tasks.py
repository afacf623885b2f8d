"""Tasks of the public host; all run on the queue `control`.

Each may be lost with the broker, or run twice: what it works on is in control, and the sweep that
beat starts sends it again.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from celery import Task, shared_task
from celery.utils.log import get_task_logger

from front.errors import UnknownSignUp
from front.services import making, sweeping, telling
from front.services.asking import may_mail
from front.services.limits import purge_tallies
from front.states import SignUpState
from tenants.tasks import ControlTask

logger = get_task_logger(__name__)

_MAILS: Final[dict[str, Any]] = {
    "autoretry_for": (OSError,),
    "retry_backoff": 5,
    "retry_backoff_max": 600,
    "max_retries": 9,
}


@shared_task(base=ControlTask, **_MAILS)
def mail_confirmation(sign_up: str) -> None:
    """Mail the link that confirms an address."""
    telling.send_confirmation(UUID(sign_up))


@shared_task(base=ControlTask, **_MAILS)
def mail_ready(sign_up: str) -> None:
    """Mail that a workspace is ready."""
    telling.send_ready(UUID(sign_up))


@shared_task(base=ControlTask, **_MAILS)
def mail_workspaces(email: str) -> None:
    """Mail the links of somebody's workspaces, if there are any.

    Counted here, not by the page: so that it does the same for everybody.
    """
    if mail_workspaces.request.retries or may_mail(email):
        telling.send_workspaces(email)


@shared_task(base=ControlTask)
def make_workspace(sign_up: str) -> None:
    """Provision the tenant of a confirmed sign-up."""
    try:
        state = making.make_workspace(UUID(sign_up))
    except UnknownSignUp:
        logger.info("sign-up %s was purged meanwhile", sign_up)
        return
    logger.info("sign-up %s is %s", sign_up, state or "in other hands")
    if state is SignUpState.READY:
        mail_ready.delay(sign_up)


@shared_task(base=ControlTask)
def sweep_sign_ups() -> None:
    """Send again what was lost, and what is to be tried once more."""
    _send_all(mail_confirmation, sweeping.to_be_mailed())
    _send_all(make_workspace, sweeping.to_be_made())
    _send_all(mail_ready, sweeping.to_be_told())


@shared_task(base=ControlTask)
def purge_front() -> None:
    """Delete what the public host keeps for a while only."""
    expired, deleted = sweeping.purge_sign_ups()
    logger.info(
        "%d sign-ups expired, %d old ones and %d tallies deleted",
        expired,
        deleted,
        purge_tallies(),
    )


def _send_all(task: Task, sign_ups: Iterable[UUID]) -> None:  # type: ignore[type-arg]
    for each in sign_ups:
        logger.warning("sign-up %s: sending %s again", each, task.name)
        task.delay(str(each))
