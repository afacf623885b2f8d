"""One thread of a process that asks the servers which somebody suspects, and nobody else.

It starts with the first suspicion, after any fork, and sleeps while nobody is suspected. Requests
never ask for themselves whether a server is back: those that did would wait for it.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol, assert_never

from sharding.pools.breaking.probe import Answer, Probe, Verdict
from sharding.pools.breaking.states import BreakerEvent, Standing
from sharding.pools.meters import meter_for
from sharding.registry.types import Server

log = logging.getLogger(__name__)

PAUSE_S: Final = (0.4, 0.6)
"""Between two probes of a server that is open or crowded. Not the same for all processes, or they
come at once."""
KEPT_S: Final = 60.0
"""How long the probe's connection is kept after the last suspicion."""
QUEUE_S: Final = 4.0
"""No statement lasts longer behind a pooler as we write its files (query_timeout): where a pool has
handed nothing on for so long, it is not heavy statements that keep it."""
_STOPPING_S: Final = 1.0


class Watched(Protocol):
    """A breaker, as the watcher sees it."""

    name: str
    probe_seconds: float

    @property
    def standing(self) -> Standing:
        """As it is now."""

    def tell(self, event: BreakerEvent, reason: str = "") -> None:
        """Take in an answer."""


@dataclass(slots=True)
class _Progress:
    """Whether a server's pooler hands anything on, as far as this process has seen.

    Attributes:
        answered: statements that it has answered.
        at: when that was seen to grow, or its server began to be asked.
    """

    answered: int
    at: float


class Watcher:
    """Asks until what it was told of is closed again, or held by hand; one probe per server."""

    def __init__(self, find: Callable[[str], Server | None]) -> None:
        """find: the server of a name, as the registry has it now; None: there is none any more."""
        self._find = find
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._probes: dict[str, Probe] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._progress: dict[str, _Progress] = {}

    def watch(self, breaker: Watched) -> None:
        """Have the server asked, soon; does not wait for anything."""
        # RuntimeError: this process is ending.
        with suppress(RuntimeError):
            self._running_loop().call_soon_threadsafe(self._begin, breaker)

    def stop(self) -> None:
        """End the thread and close its connections; it may begin again."""
        with self._starting:
            thread, self._thread = self._thread, None
            loop, self._loop = self._loop, None
        if thread is None or loop is None:
            return
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOPPING_S)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                # Not the policy's: that may be uvloop's, and psycopg wants to see its sockets.
                self._loop = asyncio.SelectorEventLoop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="atoll breakers", daemon=True
                )
                self._thread.start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._end())
            loop.close()

    async def _end(self) -> None:
        # First: a task that is cancelled within a statement would wait for the server to say so.
        for probe in self._probes.values():
            probe.abandon()
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What a probe was waiting for ends by itself.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        for handle in self._leaving.values():
            handle.cancel()
        self._leaving.clear()
        self._probes.clear()

    def _begin(self, breaker: Watched) -> None:
        if breaker.name not in self._watching and breaker.standing.is_to_be_asked:
            task = asyncio.get_running_loop().create_task(self._watch(breaker))
            self._watching[breaker.name] = task

    async def _watch(self, breaker: Watched) -> None:
        name = breaker.name
        if leaving := self._leaving.pop(name, None):
            leaving.cancel()
        try:
            self._progress[name] = _Progress(_answered(name), monotonic())
            # Between its last look at the standing and its end nothing else runs in this loop:
            # whoever suspects later finds no task, and begins one.
            while breaker.standing.is_to_be_asked:
                await self._ask(breaker)
                if breaker.standing.is_to_be_asked:
                    await asyncio.sleep(random.uniform(*PAUSE_S))
        finally:
            del self._watching[name]
            loop = asyncio.get_running_loop()
            self._leaving[name] = loop.call_later(KEPT_S, self._leave, name)

    async def _ask(self, breaker: Watched) -> None:
        server = self._find(breaker.name)
        if server is None:
            breaker.tell(BreakerEvent.PROBE_FAILED, "the registry knows it no more")
            return
        probe = self._probes.setdefault(breaker.name, Probe())
        try:
            answer = await probe.ask(server, breaker.probe_seconds)
        except Exception as error:
            # A watcher that ended here would leave the server suspected for ever.
            log.exception("%s could not be asked", breaker.name)
            answer = Answer(Verdict.FAILED, type(error).__name__)
        breaker.tell(self._event_of(answer, breaker.name), answer.reason)

    def _event_of(self, answer: Answer, name: str) -> BreakerEvent:
        match answer.verdict:
            case Verdict.WELL:
                return BreakerEvent.PROBE_WELL
            case Verdict.CROWDED:
                return BreakerEvent.PROBE_CROWDED
            case Verdict.FAILED:
                return BreakerEvent.PROBE_FAILED
            case Verdict.QUEUED:
                # That server and pooler are there does not say that the way between them is.
                progress, answered, now = self._progress[name], _answered(name), monotonic()
                if answer.late or answered > progress.answered:
                    progress.answered, progress.at = answered, now
                waiting = now - progress.at < QUEUE_S
                return BreakerEvent.PROBE_CROWDED if waiting else BreakerEvent.PROBE_FAILED
            case _:
                assert_never(answer.verdict)

    def _leave(self, name: str) -> None:
        self._leaving.pop(name, None)
        if name not in self._watching and (probe := self._probes.pop(name, None)):
            probe.abandon()


def _answered(name: str) -> int:
    waited = meter_for(name).read()
    return waited.messages - waited.given_up
