"""`down` means refused, stopped, unreachable and slow: all four, for every promise about it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import pytest

from devstack.stack import Stack
from sharding.pools.breaker import BreakerState, breaker_for
from sharding.registry.types import Endpoint, Registry, Server
from tests.faults.packets import can_drop, dropped_packets
from tests.faults.proxy import Mode, TcpProxy
from tests.fixtures.waiting import wait_for


class Down(StrEnum):
    REFUSED = "refused"
    SIGSTOP = "sigstop"
    BLACKHOLE = "blackhole"
    SLOW = "slow"


REFUSAL_AND_SILENCE_FIRST: Final = tuple(
    pytest.param(how, marks=[pytest.mark.slow] * (how in (Down.BLACKHOLE, Down.SLOW)))
    for how in Down
)
"""All four as parameters, of which `make test` takes the two that end in different ways."""


class FaultyServers:
    """A proxy before every server of a stack; use its registry and its Redis address."""

    def __init__(self, stack: Stack, *, notices_vanished: bool = False) -> None:
        self.stack = stack
        self._proxies = {
            name: TcpProxy(stack.server(name).port, notices_vanished=notices_vanished)
            for name in stack.servers
            if name != "pgbouncer"
        }

    @property
    def registry(self) -> Registry:
        """The stack's, each address being its proxy's."""
        registry = self.stack.registry()

        def through(server: Server) -> Server:
            at = Endpoint("127.0.0.1", self.proxy(server.name).port, server.direct.dbname)
            return replace(server, direct=at, pooled=at)

        return Registry(
            version=registry.version,
            control=registry.control and through(registry.control),
            shards=MappingProxyType({n: through(s) for n, s in registry.shards.items()}),
        )

    @property
    def redis_url(self) -> str:
        url = urlsplit(self.stack.redis_url)
        port = self.proxy("redis").port
        return url._replace(netloc=f":{url.password}@127.0.0.1:{port}").geturl()

    def proxy(self, name: str) -> TcpProxy:
        return self._proxies[name]

    @contextmanager
    def down(self, name: str, how: Down) -> Iterator[None]:
        """Within the block, server `name` is down in this way; afterwards it is well again.

        Connections of before see it too: refused resets them, the others fall silent or slow. Where
        this process has breakers, it knows at the end that the server is back.
        """
        proxy = self.proxy(name)
        with ExitStack() as undo:
            match how:
                case Down.REFUSED:
                    undo.callback(proxy.set, Mode.PASS)
                    proxy.set(Mode.REFUSE)
                case Down.SLOW:
                    undo.callback(proxy.set, Mode.PASS)
                    proxy.set(Mode.SLOW)
                case Down.SIGSTOP:
                    undo.callback(self.stack.sigcont, name)
                    self.stack.sigstop(name)
                case Down.BLACKHOLE if can_drop():
                    undo.enter_context(dropped_packets(proxy.port))
                case Down.BLACKHOLE:
                    # Without root: the same to a client, but that its kernel gets some ACKs.
                    undo.callback(proxy.set, Mode.PASS)
                    proxy.set(Mode.SILENT)
            yield
        if name in self.stack.databases and breaker_for(name).look().state is not BreakerState.HELD:
            wait_for(lambda: not breaker_for(name).away, f"{name} is still taken for away")

    def close(self) -> None:
        for proxy in self._proxies.values():
            proxy.close()
