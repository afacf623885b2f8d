"""What the servers say, each line with its server's name."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from devstack.stack import Stack

_PAUSE = 0.2


def lines_of(
    stack: Stack, names: Sequence[str], *, last: int, follow: bool = False
) -> Iterator[str]:
    """The last lines of each server, then, with `follow`, what comes.

    Raises:
        UnknownServer: before the first line.
    """
    logs = {name: stack.server(name).site.log for name in names or tuple(stack.servers)}
    width = max(len(name) for name in logs)
    read: dict[str, int] = {}
    for name, log in logs.items():
        lines, read[name] = _last_lines(log, last)
        for line in lines:
            yield f"{name:<{width}} | {line}"
    while follow:
        time.sleep(_PAUSE)
        for name, log in logs.items():
            lines, read[name] = _lines_since(log, read[name])
            for line in lines:
                yield f"{name:<{width}} | {line}"


def _last_lines(log: Path, count: int) -> tuple[list[str], int]:
    lines, end = _lines_since(log, 0)
    return list(deque(lines, maxlen=count)), end


def _lines_since(log: Path, position: int) -> tuple[list[str], int]:
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            # Shorter than before: a new log was begun.
            file.seek(position if position <= size else 0)
            text = file.read()
            whole, _, _ = text.rpartition(b"\n")
            end = file.tell() - (len(text) - len(whole) - 1 if whole else len(text))
    except FileNotFoundError:
        return [], 0
    return whole.decode("utf-8", errors="replace").splitlines(), end
