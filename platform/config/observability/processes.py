"""Which of several processes counts, in the files that they share.

prometheus_client names files by process id, so each worker that gunicorn replaces would leave its
own behind for ever. A slot is taken over by whoever follows, who counts on from where it stood.
"""

import os
from typing import Any, Final

from prometheus_client import values

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's variable: the folder of these files. Not set: one process, no files."""

_slot: str = ""


def take_slot(slot: str) -> None:
    """Count as `slot`, which no other living process has, in this process and not its children."""
    global _slot
    _slot = slot


def _who_counts() -> str:
    return _slot or str(os.getpid())


def count_in_slots() -> None:
    """Let all metrics that are made from now on be kept by slot, where processes share any."""
    if SHARED_FOLDER in os.environ:
        make: Any = values.MultiProcessValue
        values.ValueClass = make(_who_counts)


os.register_at_fork(after_in_child=lambda: take_slot(""))
