"""Which queue a task goes to: its tenant's shard's, or `control`."""

from typing import Any, Final

from sharding import scope

CONTROL_QUEUE: Final = "control"
SHARD_PREFIX: Final = "shard."


def shard_queue(shard: str) -> str:
    """The queue that the workers of `shard` take tasks from."""
    return f"{SHARD_PREFIX}{shard}"


def route_task(
    name: str,
    args: object = None,
    kwargs: object = None,
    options: dict[str, Any] | None = None,
    *,
    task: object = None,
    **more: object,
) -> dict[str, str]:
    """Celery's router (setting CELERY_TASK_ROUTES).

    A task says where it belongs with `atoll_home`, as models do. One that says nothing belongs to
    no tenant: it goes to `control`, where it has no scope and tenant data raises.

    Raises:
        NoTenantInScope: a tenant's task is sent without a tenant in scope.
    """
    if getattr(task, "atoll_home", None) == "tenant":
        return {"queue": shard_queue(scope.tenant(f"Sending task {name}").shard)}
    return {"queue": CONTROL_QUEUE}
