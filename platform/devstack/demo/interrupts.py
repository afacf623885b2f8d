"""Ctrl-C, SIGTERM and a closed terminal, as one KeyboardInterrupt at a moment that suits."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While entered, the first signal raises KeyboardInterrupt, unless they are on hold.

    Impatience must not break the stopping, which takes bounded time anyway: whoever begins to
    stop calls `hold`, and later signals change nothing.
    """

    def __init__(self) -> None:
        self._on_hold = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """From now on signals are noted and do nothing."""
        self._on_hold = True

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self._on_hold:
            self.hold()
            raise KeyboardInterrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals wait for the end of the block, in which something begins that must be ended.

    Between the start of a process and the note that there is one, an interrupt would leave it
    running for ever. Only for the main thread.
    """
    arrived: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, wait) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])
