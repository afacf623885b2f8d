"""Ports that stay: chosen once, below the range from which the kernel lends ports to clients."""

import random
import socket
from collections.abc import Collection

import psutil

_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


def free_port(avoid: Collection[int] = ()) -> int:
    """A port on 127.0.0.1 that the kernel gives to nobody by itself and that is free now."""
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        port = chance.randrange(_FIRST, _LAST)
        if port not in avoid and is_free(port):
            return port
    # Next to impossible; then any port that the kernel still has.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        # As servers do: closed connections that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Who listens on `port`, as far as this user may know."""
    try:
        listening = [
            connection
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
        ]
        for connection in listening:
            if connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except (psutil.Error, OSError):
        pass
    return "another program"
