"""Wait at a gate, with a thread or without one."""

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from sharding.pools.conf import slot_settings
from sharding.pools.slots import spare_threads, tenants_share
from tenants.directory.lookup import directory
from tenants.directory.types import Entry, HostKey
from tenants.gating.process import gates
from tenants.gating.room import RoomLimits, TurnedAway, Waiter
from tenants.gating.tally import Outcome, tally
from tenants.serving import Verdict

Passed = Entry | TurnedAway | None
"""Where the tenant is now; why one does not go on; None: there is no such tenant any more."""


def must_wait(entry: Entry) -> bool:
    """Whether nobody of this tenant is let in now."""
    if entry.verdict is Verdict.SERVE:
        return gates().closures.is_closed(entry.tenant_id)
    return entry.verdict is Verdict.WAIT


def wait(entry: Entry, *, ends: float) -> Passed:
    """Wait until the tenant is served again, at most until the instant `ends`."""
    woken = threading.Event()
    waiter = Waiter(entry.tenant_id, woken.set)
    if not gates().room.come_in(waiter, _limits()):
        return _turned_away(TurnedAway.FULL)
    try:
        gates().keeper.see_to()
        with tally().one_waits():
            if not woken.wait(max(0.0, ends - monotonic())):
                return _turned_away(TurnedAway.TOO_LONG)
    finally:
        gates().room.leave(waiter)
    return _as_asked(entry, waiter)


async def wait_async(entry: Entry, *, ends: float) -> Passed:
    """As wait(), without a thread."""
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended, and whoever waited with it
            loop.call_soon_threadsafe(woken.set)

    waiter = Waiter(entry.tenant_id, wake)
    if not gates().room.come_in(waiter, _limits()):
        return _turned_away(TurnedAway.FULL)
    try:
        gates().keeper.see_to()
        with tally().one_waits():
            async with asyncio.timeout(max(0.0, ends - monotonic())):
                await woken.wait()
    except TimeoutError:
        return _turned_away(TurnedAway.TOO_LONG)
    finally:
        gates().room.leave(waiter)
    return _as_asked(entry, waiter)


def _limits() -> RoomLimits:
    most = spare_threads(slot_settings().threads)
    return RoomLimits(tenant=tenants_share(most), all=most)


def _turned_away(why: TurnedAway) -> TurnedAway:
    tally().add(Outcome.FULL if why is TurnedAway.FULL else Outcome.TOO_LONG)
    return why


def _as_asked(asked: Entry, waiter: Waiter) -> Entry | None:
    """What the keeper has read by id, for the host that was asked for."""
    tally().add(Outcome.WAITED)
    if waiter.entry is None:
        return None
    found = replace(waiter.entry, host=asked.host)
    directory().remember(HostKey(asked.host), found)
    return found
