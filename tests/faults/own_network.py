"""A network of its own for this thread and all that it starts, so that packets may be dropped.

Servers, the processes that connect to them and whoever asks those are all started in it; the rules
of this machine are not touched. Takes root, and is gone with the last process in it.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
"""os.CLONE_NEWNET, which Python has from 3.12."""
_HERE: Final = "/proc/thread-self/ns/net"


@contextmanager
def own_network() -> Iterator[bool]:
    """Within the block what this thread starts is in a network of its own; False: none to be had.

    Without one, `Down.BLACKHOLE` falls back on what FaultyServers does.
    """
    home = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            yield False
            return
        try:
            _wake_loopback()
            yield True
        finally:
            if libc.setns(home, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "this thread cannot get back to its network")
    finally:
        os.close(home)


def _wake_loopback() -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(["ip", "link", "set", "lo", "up"], env={**os.environ, "PATH": path}, check=True)
