"""Migrates these tenants; at its control point it writes that down, and waits for a file.

`victim.py FOLDER POINT TENANT…`; a point is `function:call:2` or `function:return:1`: the second
time that it is called, the first time that it returns. The functions are the product's own, and
nothing of it is changed.
"""

import os
import sys
import threading
import time
from pathlib import Path

import django
from django.core.management import execute_from_command_line

_lock = threading.Lock()
_seen = 0
_there = threading.Event()


def watch(folder: Path, point: str) -> None:
    """Have all threads of this process stop when one of them comes to `point`."""
    name, when, number = point.split(":")

    def look(frame, event, argument):
        global _seen
        if event == when and frame.f_code.co_qualname == name and not _there.is_set():
            with _lock:
                _seen += 1
                if _seen == int(number):
                    _there.set()
                    tell(folder / "there", point)
        if _there.is_set():
            sys.setprofile(None)
            while not (folder / "go").exists():
                time.sleep(0.01)

    threading.setprofile(look)
    sys.setprofile(look)


def tell(path: Path, text: str) -> None:
    """Write it down so that it is there whatever happens next."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def main(folder: Path, point: str, *tenants: str) -> None:
    django.setup()
    watch(folder, point)
    options = ("--no-canary", "--waves=100%", "--per-shard=1")
    chosen = (f"--tenant={tenant_id}" for tenant_id in tenants)
    execute_from_command_line(["manage.py", "migrate_fleet", *options, *chosen])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
