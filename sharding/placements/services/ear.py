"""Hear at once that something was announced, and not only with the next heartbeat.

PostgreSQL tells whoever listens. It tells a session, so the connection is a direct one: a pooler
in transaction mode lends its sessions to others. Where there is none to be had, one hears with
each heartbeat, as if nobody had called.
"""

import logging
import selectors
import socket
from contextlib import suppress
from time import monotonic
from typing import Final

import psycopg

from sharding.placements.models import CONTROL
from sharding.pools.deadline import Deadlined, deadlined_for
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.types import Server

log = logging.getLogger(__name__)

_LISTEN: Final = "LISTEN atoll_announced"
CALL: Final = "NOTIFY atoll_announced"
"""Sent in the transaction that announces: who listens hears of it when that is committed."""

_RETRY_S: Final = 5.0


class Ear:
    """Waits for announcements. Belongs to one thread; `startle` may come from any."""

    def __init__(self) -> None:
        self._connection: Deadlined | None = None
        self._server: Server | None = None
        self._tries_again = float("-inf")
        self._said = False
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)

    def wait(self, seconds: float) -> bool:
        """Wait so long, less if something is announced or somebody startles; whether it was.

        True also after listening began: what was announced just before was not heard.
        """
        if self._connection is None or self._server != addresses.registry().control:
            self._listen()
            if self._connection is not None:
                return True
        connection = self._connection
        with selectors.DefaultSelector() as watched:
            watched.register(self._woken, selectors.EVENT_READ)
            if connection is not None:
                watched.register(connection.pgconn.socket, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in watched.select(max(0.0, seconds))}
        if self._woken in ready:
            self._woken.recv(4096)
        return bool(ready - {self._woken}) and self._take_in()

    def startle(self) -> None:
        """End the wait that is under way, or the next one."""
        with suppress(OSError):  # closed: nobody waits any more
            self._wakes.send(b"!")

    def close(self) -> None:
        """Give back what it holds."""
        self._stop_listening()
        self._woken.close()
        self._wakes.close()

    def _listen(self) -> None:
        self._stop_listening()
        server = addresses.registry().control
        if server is None or (server == self._server and monotonic() < self._tries_again):
            return
        self._server = server
        try:
            connection = deadlined_for(CONTROL).connect(
                **server.direct.parameters(server.web),
                autocommit=True,
                connect_timeout=2,
                application_name="atoll ear",
                # Nothing is ever asked on it, so that a cut cable would not be noticed.
                keepalives_idle=2,
                keepalives_interval=1,
                keepalives_count=2,
                tcp_user_timeout=3000,
            )
            connection.execute(_LISTEN)
        except psycopg.Error as error:
            self._tries_again = monotonic() + _RETRY_S
            if not self._said:
                self._said = True
                log.info(
                    "Announcements are heard with each heartbeat only, since nobody can listen at "
                    "%s: %s",
                    server.direct,
                    without_rows(error),
                )
            return
        self._connection, self._said = connection, False

    def _take_in(self) -> bool:
        """Empty the line; who called does not matter, nor what about."""
        assert self._connection is not None
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
        except psycopg.OperationalError:
            self._stop_listening()
            return False
        while pgconn.notifies() is not None:
            pass
        return True

    def _stop_listening(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()
