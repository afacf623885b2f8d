"""A request's slot: taken before its shard is asked for anything, kept until its response was sent.

Public and operators' hosts have slots of control's, so that a control database that hangs does not
take the threads of tenants that need it not; but they are let in while it is away, since some of
their pages do without.
"""

import asyncio
from types import TracebackType

from asgiref.sync import SyncToAsync
from django.http import HttpResponseBase

from sharding import scope
from sharding.pools.conf import slot_settings
from sharding.pools.process_slots import slots
from sharding.pools.slots import Refused, Slot
from tenants.conf import tenant_settings
from tenants.directory.types import Entry


def take_slot(entry: Entry | None) -> Slot | Refused:
    """A slot for a request of this tenant, or of one of our own hosts. Never waits."""
    conf = slot_settings()
    if entry is None:
        return slots().take(scope.CONTROL.shard, conf.limits, even_if_away=True)
    plan = tenant_settings().plans.get(entry.plan)
    place = entry.placement
    most = conf.tenant_slots if plan is None else plan.share(conf.processes)
    return slots().take(place.shard, conf.limits, tenant=place.tenant_id, most=most)


class held:  # noqa: N801 - reads as a phrase where it is used
    """Keep `slot` for a `with` block, and longer where something of the request lasts longer."""

    __slots__ = ("_slot",)

    def __init__(self, slot: Slot) -> None:
        self._slot: Slot | None = slot

    def until_sent(self, response: HttpResponseBase) -> HttpResponseBase:
        """Keep it until the body, if it streams, was closed: sent, or given up by who asked."""
        if response.streaming and self._slot is not None:
            # What Django's close() calls, and servers call that whatever happens.
            response._resource_closers.append(self._slot.give_back)  # type: ignore[attr-defined]
            self._slot = None
        return response

    def __enter__(self) -> "held":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        slot = self._slot
        if slot is None:
            return
        if isinstance(error, asyncio.CancelledError):
            _give_back_after_its_thread(slot)
        else:
            slot.give_back()


def _give_back_after_its_thread(slot: Slot) -> None:
    """Cancelled, a request's sync view goes on in the request's thread all the same.

    Django makes one for each request; what is sent there now runs when that view is done.

    Source: asgiref's `ThreadSensitiveContext`.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    thread = SyncToAsync.context_to_thread_executor.get(context) if context else None
    try:
        if thread is not None:
            thread.submit(slot.give_back)
            return
    except RuntimeError:
        pass  # it takes nothing more: its view is done
    slot.give_back()
