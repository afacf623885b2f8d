"""Base classes of Celery tasks: one tenant's, and nobody's.

A tenant's task carries the tenant's id and epoch in the message's headers. The scope is entered
inside the task's call, so that a task whose scope cannot be entered fails; Celery's signals, where
others do that, swallow errors and let the body run without.
"""

import logging
from typing import Any, ClassVar, Final, NoReturn

from celery import Task, current_task
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, TaskPredicate

from routers.queues import SHARD_PREFIX, shard_queue
from sharding import scope
from sharding.placements.services.processes import ensure_heartbeat
from sharding.pools.breaker import breaker_for
from sharding.pools.deadline import KNOWN_AWAY
from sharding.pools.errors import ShardAway
from sharding.scope.latch import latched
from tenants.conf import tenant_settings
from tenants.directory.lookup import directory, lookup_id
from tenants.directory.types import Entry, IdKey
from tenants.errors import LostTask, TenantNotServed, UnstampedTask
from tenants.fan_out import takes_work
from tenants.gating.meeting import met_a_move
from tenants.gating.process import gates
from tenants.gating.waiting import must_wait
from tenants.put_off import header_of, put_off_while_away
from tenants.serving import Verdict

TENANT: Final = "atoll_tenant"
EPOCH: Final = "atoll_epoch"
HOPS: Final = "atoll_hops"
PUT_OFFS: Final = "atoll_put_offs"

log = logging.getLogger(__name__)

MOST_HOPS: Final = 5
PUT_OFF_S: Final = 5
MOST_PUT_OFFS: Final = 60


class AtollTask(DjangoTask):  # type: ignore[type-arg]
    """What our tasks have in common: they can go back to their queue."""

    abstract = True

    def send_again(self, **changes: Any) -> None:
        """Send the message that is being worked on once more, under the same id."""
        signature = self.signature_from_request(
            self.request,
            tuple(self.request.args or ()),
            dict(self.request.kwargs or {}),
            **changes,
        )
        signature.apply_async()


class ControlTask(AtollTask):
    """A task without a tenant, on the queue `control`: it names what it works on.

    One that meets a server that is away comes again later, unless it has expired by then.
    """

    abstract = True
    atoll_home: ClassVar[str] = "control"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run without a scope, whatever scope the caller may have."""
        _show_that_we_live()
        with put_off_while_away(self), scope.enter(None):
            return self.run(*args, **kwargs)


class TenantTask(AtollTask):
    """A task of the tenant in whose scope it was sent, on the queue of that tenant's shard.

    Runs at least once; while its shard is away, or its tenant is being moved, it comes again later.
    One that meets the move in its middle runs again from its beginning, where its tenant is then.
    Called directly, as a function, it runs in the caller's scope.

    Attributes:
        runs_while_suspended: whether it also runs for a tenant that is suspended.
    """

    abstract = True
    atoll_home: ClassVar[str] = "tenant"
    runs_while_suspended: ClassVar[bool] = False

    def apply_async(  # noqa: PLR0913 - Celery's own signature
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> Any:
        """Celery's, with the tenant of the scope in the headers.

        A callback that Celery sends after a task, outside any scope, goes to that task's tenant.

        Raises:
            NoTenantInScope: there is no tenant whose the task could be.
        """
        place = scope.tenant_or_none() or _place_of_parent()
        if place is None:
            place = scope.tenant(f"Sending task {self.name}")
        options["headers"] = {
            **(options.get("headers") or {}),
            TENANT: place.tenant_id,
            EPOCH: place.epoch,
        }
        # The router asks the scope for the shard.
        with scope.enter(place):
            return super().apply_async(
                args, kwargs, task_id, producer, link, link_error, shadow, **options
            )

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override]
        """Celery's way to run a task at once, in its tenant's scope like any other."""
        headers = options.get("headers") or {}
        if TENANT not in headers:
            place = scope.tenant(f"Running task {self.name}")
            options["headers"] = {**headers, TENANT: place.tenant_id, EPOCH: place.epoch}
        return super().apply(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run in the tenant's scope. A task of a deleted tenant is dropped.

        Raises:
            UnstampedTask: the message names no tenant.
            UnknownTenant: the tenant is not there any more.
            TenantNotServed: it is suspended, or has long not been ready.
            LostTask: it was forwarded too often.
            ShardAway, DirectoryAway, OperationalError: a server has been away for too long.
        """
        if self.request.called_directly:
            scope.tenant(f"Task {self.name}")
            return self.run(*args, **kwargs)
        _show_that_we_live()
        with put_off_while_away(self):
            return self._run_in_scope(args, kwargs)

    def send_again(self, **changes: Any) -> None:
        """As any task's. Where the tenant lives now need not be known, only where this came by."""
        if scope.tenant_or_none() is not None:
            super().send_again(**changes)
            return
        tenant_id, epoch, _ = _stamp(self)
        shard = str(changes["queue"]).removeprefix(SHARD_PREFIX)
        with scope.enter(scope.Placement(tenant_id, shard, tenant_id, epoch, "")):
            super().send_again(**changes)

    def _run_in_scope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tenant_id, epoch, hops = _stamp(self)
        entry = _entry(self, tenant_id, epoch)
        if entry.verdict is Verdict.GONE:
            self._drop(entry)
        if not takes_work(self, entry.verdict) or entry.verdict is Verdict.WAIT:
            self._put_off(entry)
        if self._is_elsewhere(entry):
            self._forward(entry, hops)
        shard = entry.placement.shard
        if breaker_for(shard).away:
            # Before anything of it is done that would be done again.
            raise ShardAway(shard, KNOWN_AWAY)
        if not self._queue:
            # Within somebody's request or task, which has a latch, or in a script, which has none.
            with scope.enter(entry.placement):
                return self.run(*args, **kwargs)
        return self._run_inside(entry, hops, args, kwargs)

    def _run_inside(
        self, entry: Entry, hops: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        with gates().tasks.working_for(entry.tenant_id):
            # Now counted as inside: who closes the gate first says so and then counts.
            if must_wait(entry):
                self._come_again(entry)
            with latched() as latch:
                try:
                    with scope.enter(entry.placement):
                        result = self.run(*args, **kwargs)
                except TaskPredicate:
                    raise
                except Exception:
                    if not met_a_move(latch):
                        raise
                else:
                    if not met_a_move(latch):
                        return result
        return self._begin_anew(entry.tenant_id, hops)

    @property
    def _queue(self) -> str:
        """By which queue the message came; empty: by none (`apply()`)."""
        return (self.request.delivery_info or {}).get("routing_key") or ""

    def _is_elsewhere(self, entry: Entry) -> bool:
        """Whether this message came over the queue of a shard where the tenant is not."""
        queue = self._queue
        return queue.startswith(SHARD_PREFIX) and queue != shard_queue(entry.placement.shard)

    def _forward(self, entry: Entry, hops: int) -> NoReturn:
        if hops >= MOST_HOPS:
            raise LostTask(self.name, tenant_id=entry.tenant_id, hops=hops)
        with scope.enter(entry.placement):
            self.send_again(
                headers={**(self.request.headers or {}), HOPS: hops + 1},
                queue=shard_queue(entry.placement.shard),
            )
        # It lives on under the same id; here nothing has happened.
        raise Ignore

    def _drop(self, entry: Entry) -> NoReturn:
        """Nobody waits for the work of a tenant that is gone, and nobody can mend that it fails."""
        log.warning(
            "Task %s[%s] of tenant %s is dropped: the tenant is %s",
            self.name,
            self.request.id,
            entry.tenant_id,
            entry.tenant_state,
        )
        raise Ignore

    def _put_off(self, entry: Entry) -> NoReturn:
        """A tenant that is being made or moved will be there soon; one that is closed will not."""
        if entry.verdict not in (Verdict.WAIT, Verdict.NOT_READY):
            raise TenantNotServed(entry.tenant_id, entry.verdict)
        self._come_again(entry)

    def _begin_anew(self, tenant_id: str, hops: int) -> NoReturn:
        """It met its tenant's move, whatever its code made of that: it runs where the tenant is."""
        entry = lookup_id(tenant_id)
        if entry is None:
            raise scope.UnknownTenant(tenant_id)
        if entry.verdict is Verdict.SERVE and self._is_elsewhere(entry):
            self._forward(entry, hops)
        self._come_again(entry)

    def _come_again(self, entry: Entry) -> NoReturn:
        times = int(header_of(self, PUT_OFFS) or 0)
        if times >= MOST_PUT_OFFS:
            raise TenantNotServed(entry.tenant_id, entry.verdict)
        with scope.enter(entry.placement):
            self.send_again(
                headers={**(self.request.headers or {}), PUT_OFFS: times + 1},
                queue=shard_queue(entry.placement.shard),
                countdown=PUT_OFF_S,
            )
        raise Ignore


def _stamp(task: Task) -> tuple[str, int, int]:  # type: ignore[type-arg]
    tenant_id = header_of(task, TENANT)
    if not tenant_id:
        raise UnstampedTask(task.name)
    return str(tenant_id), int(header_of(task, EPOCH) or 0), int(header_of(task, HOPS) or 0)


def _entry(task: Task, tenant_id: str, epoch: int) -> Entry:  # type: ignore[type-arg]
    entry = lookup_id(tenant_id)
    if entry is None or entry.placement.epoch < epoch or not takes_work(task, entry.verdict):
        # Whoever sent the task may know more than this process remembers; and a task that is
        # turned away is lost, so what turns it away is looked up.
        entry = directory().read(IdKey(tenant_id))
    if entry is None:
        raise scope.UnknownTenant(tenant_id)
    return entry


def _place_of_parent() -> scope.Placement | None:
    if not current_task:
        return None
    tenant_id = header_of(current_task, TENANT)
    return scope.resolve(str(tenant_id)) if tenant_id else None


def _show_that_we_live() -> None:
    if tenant_settings().process_rows:
        ensure_heartbeat("worker")
