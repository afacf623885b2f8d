"""Many programs, one terminal: whole lines, each with the name of who said it."""

import os
import sys
import threading
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)


class LabelledOutput:
    """Writes lines under labels, in colours on a terminal; safe from many threads."""

    def __init__(self, stream: TextIO, *, width: int = 14) -> None:
        self._stream = stream
        self._width = width
        self._lock = threading.Lock()
        self._colours: dict[str, int] | None = (
            {} if stream.isatty() and not os.environ.get("NO_COLOR") else None
        )
        self.is_open = True

    def say(self, label: str, line: str) -> None:
        """Write one line. A reader that went away is no reason to end badly: `is_open` tells."""
        with self._lock:
            try:
                self._stream.write(f"{self._head(label)}{line.rstrip()}\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._drop()

    def tell(self, text: str) -> None:
        """Write lines of the demo's own."""
        for line in text.splitlines():
            self.say("demo", line)

    def _head(self, label: str) -> str:
        head = f"{label:<{self._width}} | "
        if self._colours is None:
            return head
        colour = self._colours.setdefault(label, _COLOURS[len(self._colours) % len(_COLOURS)])
        return f"\x1b[{colour}m{head}\x1b[0m"

    def _drop(self) -> None:
        if self.is_open and self._stream is sys.stdout:
            # Else the interpreter complains when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        self.is_open = False
