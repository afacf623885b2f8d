"""Waits by a clock that stands still while this process gets no CPU.

In a process with more to do than it has CPU, a probe that is a quarter of a second old may have had
ten milliseconds to look whether its answer is there. By the wall clock such a process would find
every server away, and refuse all tenants because it is busy.
"""

import asyncio
from time import monotonic
from typing import Any, Final

LOOK_S: Final = 0.025
"""How often a wait looks around. Of what passes between two looks no more than this is counted."""


async def done_within(seconds: float, work: asyncio.Future[Any]) -> bool:
    """Whether `work` has ended after so many seconds of having been looked at; never cancels it."""
    left = seconds
    while left > 0 and not work.done():
        began = monotonic()
        await asyncio.wait({work}, timeout=min(LOOK_S, left))
        left -= min(monotonic() - began, LOOK_S)
    return work.done()
