"""A TCP proxy before a server, that can be told to misbehave; it does not know what it carries."""

import contextlib
import socket
import struct
import threading
import time
from enum import StrEnum
from typing import Self

_CHUNK = 65536
_LOOK = 0.02
LATENCY_SECONDS = 2.0
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_VANISHED_IS_NOTICED = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 3}


class Mode(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"  # nobody listens; connections that are open get a reset
    HANG = "hang"  # connections open and stay silent
    SLOW = "slow"  # everything takes two seconds each way there
    SILENT = "silent"  # no connection opens, those that are open stay silent: dropped packets


class TcpProxy:
    """Carries bytes between `port` and the target, one thread per direction."""

    def __init__(self, target: int | str, *, port: int = 0, notices_vanished: bool = False) -> None:
        """Listen.

        target: a port on 127.0.0.1, or the path of a unix socket.
        port: 0 takes a free one.
        notices_vanished: as the kernel of a server whose clients tell it to.
        """
        self.target = target
        self.mode = Mode.PASS
        self._notices_vanished = notices_vanished
        self._last_words: tuple[bytes, bool] | None = None
        self._open: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._listener: socket.socket | None = None
        self.port = port
        self._listen()
        self._thread = threading.Thread(target=self._accept, name=f"proxy {self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def set(self, mode: Mode) -> None:
        """Behave so from now on, on old and new connections."""
        before, self.mode = self.mode, mode
        if before is Mode.SILENT:
            for filler in self._fillers:
                filler.close()
            self._fillers.clear()
        if mode is Mode.REFUSE:
            self._stop_listening()
            self.reset_all()
        elif before is Mode.REFUSE:
            self._listen()
        if mode is Mode.SILENT:
            time.sleep(3 * _LOOK)  # until nobody accepts any more
            self._fill_backlog()

    def fall_silent_at(self, words: bytes, *, delivered: bool) -> None:
        """Hang as soon as a client says `words`; whether the server still hears them."""
        self._last_words = (words, delivered)

    def reset_all(self) -> None:
        """Break every open connection, with a reset."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    if each.family == socket.AF_INET:
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                    # Wakes the thread that reads it, which then closes it.
                    each.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        self._ends.set()
        self._thread.join(5)
        for filler in self._fillers:
            filler.close()
        self._stop_listening()
        self.reset_all()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1)
        listener.settimeout(_LOOK)
        self.port = listener.getsockname()[1]
        self._listener = listener

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone leaves it listening as long as the other thread looks at it.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _fill_backlog(self) -> None:
        # With a full queue the kernel drops further SYN packets: what a blackhole does.
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)
        time.sleep(_LOOK)

    def _accept(self) -> None:
        while not self._ends.is_set():
            listener = self._listener
            if listener is None or self.mode is Mode.SILENT:
                self._ends.wait(_LOOK)
                continue
            try:
                client, _ = listener.accept()
            except OSError:  # nobody came, or it was closed
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(None)
        if self._notices_vanished:
            self._ask_after(client)
        with self._lock:
            self._open.add(client)
        # A server that is held accepts as well, by its kernel; the silence comes after.
        if not self._wait_while_mute():
            return
        try:
            server = self._connect()
        except OSError:
            self._drop(client)
            return
        with self._lock:
            self._open.add(server)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(
                target=self._carry, args=(source, sink, source is client), daemon=True
            ).start()

    def _ask_after(self, client: socket.socket) -> None:
        # As sharding/schemas/connections.py has it.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _VANISHED_IS_NOTICED.items():
            client.setsockopt(socket.IPPROTO_TCP, option, seconds)

    def _connect(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        return server

    def _carry(self, source: socket.socket, sink: socket.socket, is_request: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                if self.mode is Mode.SLOW and is_request:
                    self._ends.wait(LATENCY_SECONDS)
                if is_request and (last := self._last_words) and last[0] in data:
                    self._last_words, self.mode = None, Mode.HANG
                    if last[1]:
                        sink.sendall(data)
                    continue  # else it is lost
                if not self._wait_while_mute():
                    return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._drop(source)
            self._drop(sink)

    def _wait_while_mute(self) -> bool:
        while self.mode in (Mode.HANG, Mode.SILENT):
            if self._ends.wait(_LOOK):
                return False
        return True

    def _drop(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        if self.mode is not Mode.REFUSE:  # shutting down first would end it politely
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        one.close()
