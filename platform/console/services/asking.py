"""Ask shards something and wait for a bounded time, however they are down."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any, Final, TypeVar

from console.conf import console_settings

Answer = TypeVar("Answer")

_AT_ONCE: Final = 32

_running: dict[str, Future[Any]] = {}
_guard: Final = Lock()


def ask_all(questions: Mapping[str, Callable[[], Answer]]) -> dict[str, Answer]:
    """The answers that arrive in time, by the questions' names; the others are left out.

    A question that goes on is not asked a second time meanwhile: pages that are loaded again and
    again while a shard hangs hold one thread for it, not one each. Questions must end by
    themselves some time, raise nothing and use no connection of Django's.
    """
    ends = monotonic() + console_settings().patience.total_seconds()
    asked = {name: _ask(name, question) for name, question in questions.items()}
    wait(asked.values(), timeout=max(0.0, ends - monotonic()))
    return {name: future.result() for name, future in asked.items() if future.done()}


def _ask(name: str, question: Callable[[], Answer]) -> "Future[Answer]":
    with _guard:
        running = _running.get(name)
        if running is not None and not running.done():
            return running
        future = _threads(os.getpid()).submit(question)
        _running[name] = future
    # Outside the guard: of a future that is done already this calls at once, in this thread.
    future.add_done_callback(lambda done: _forget(name, done))
    return future


def _forget(name: str, done: "Future[Any]") -> None:
    # Names of tenants come and go: what has ended must not stay here for as long as the process.
    with _guard:
        if _running.get(name) is done:
            del _running[name]


@cache
def _threads(pid: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="console-ask")
