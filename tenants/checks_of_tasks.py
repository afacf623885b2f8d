"""System checks of Celery's settings: where a task goes, and when it counts as done."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from routers.queues import CONTROL_QUEUE, route_task


def register() -> None:
    """Tell Django of them."""
    checks.register(check_queues)
    checks.register(check_at_least_once)


def check_queues(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """A tenant's task goes to its shard's queue, and any other to `control`."""
    from tenants.checks import named

    routes: Any = getattr(settings, "CELERY_TASK_ROUTES", None) or ()
    first = routes if isinstance(routes, str) or callable(routes) else next(_each(routes), None)
    if named(first) is not route_task:
        yield Error(
            "CELERY_TASK_ROUTES does not begin with routers.queues.route_task: tenants' tasks "
            "would not go to the queues of their shards.",
            hint='CELERY_TASK_ROUTES = ["routers.queues.route_task"]; it answers for every task, '
            "so what follows it is never asked.",
            id="tenants.E013",
        )
    queue = getattr(settings, "CELERY_TASK_DEFAULT_QUEUE", None)
    if queue != CONTROL_QUEUE:
        yield Error(
            f"CELERY_TASK_DEFAULT_QUEUE is {queue!r}: no worker of ours takes from there.",
            hint=f'CELERY_TASK_DEFAULT_QUEUE = "{CONTROL_QUEUE}".',
            id="tenants.E014",
        )


def check_at_least_once(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """A task whose worker dies runs again."""
    for setting in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST"):
        if not getattr(settings, setting, False):
            yield checks.Warning(
                f"{setting} is off: a task that is taken by a worker which dies is lost.",
                hint=f"{setting} = True; tasks run at least once, so write them to bear a second "
                "time.",
                id="tenants.W015",
            )


def _each(routes: Iterable[Any]) -> Iterator[Any]:
    # A mapping of names to queues yields names, which are no functions.
    return iter(routes)
