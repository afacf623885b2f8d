"""Ctrl-C, SIGTERM and a closed terminal, as one KeyboardInterrupt at a moment that suits."""

import signal
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
