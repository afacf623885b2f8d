"""Ends throw-away servers when the process that wanted them is gone, however it went.

It waits at the end of a pipe whose other end only that process holds. Nothing a process does on its
way out is needed for that, so it works for kill -9 as well.

What it needs for the end is imported then: most guardians are dismissed and have nothing to do.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.stack import Stack


class Guardian:
    """A process that destroys a stack once this one is gone."""

    def __init__(self, stack: "Stack") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "devstack.guardian", str(stack.folder), ",".join(stack.shards)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # ctrl-C in the terminal is not for it
        )

    def dismiss(self) -> None:
        """Have what is left of the stack destroyed now, and wait for that."""
        self._process.communicate(timeout=60)


def _wait_and_destroy(folder: Path, shards: tuple[str, ...]) -> None:
    sys.stdin.buffer.read()
    if folder.exists():
        from devstack.stack import Stack

        Stack(folder, shards=shards, pgbouncer=None).destroy()


if __name__ == "__main__":
    _wait_and_destroy(Path(sys.argv[1]), tuple(sys.argv[2].split(",")))
