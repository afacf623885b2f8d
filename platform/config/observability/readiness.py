"""Whether this process can serve anybody, and what of it does not answer.

A shard that is away is no reason to take the process away from the tenants of the others, and from
its own it takes the answer that says so; nor is control, from those that are remembered. Only the
answer tells that something is wrong.
"""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.observability.redis_urls import client_options
from sharding.pools.breaker import breaker_for
from sharding.pools.breaking.probe import Probe, Verdict
from sharding.registry import current as addresses
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server

PATIENCE_S: Final = 1.0
"""How long one server may take to let us in, and to answer; all are asked at once."""
BELIEVED_S: Final = 2.0
"""How long an answer is good: however often anybody asks, servers are asked this often."""

UP: Final = "up"
CROWDED: Final = "crowded"
"""It is there and has no room for who comes now: who is connected is served (docs/adr/0022)."""
AWAY: Final = "away"
"""Of a shard that was asked. One whose breaker is open or held is not, and shows that."""

_STATES: Final = {
    Verdict.WELL: UP,
    Verdict.CROWDED: CROWDED,
    Verdict.QUEUED: CROWDED,
    Verdict.FAILED: AWAY,
}


class Readiness(StrEnum):
    """What a load balancer and an operator want to know."""

    READY = "ready"
    DEGRADED = "degraded"
    UNREADY = "unready"


@dataclass(frozen=True, slots=True)
class Report:
    """Who answered.

    Attributes:
        control, redis: whether they did.
        shards: by name: `up`, `crowded`, `away`, or the state of a breaker that refuses it: `open`,
            `held`.
        knows_somebody: whether there are tenants that it can serve while control is away.
    """

    control: bool
    redis: bool
    shards: Mapping[str, str]
    knows_somebody: bool

    @property
    def readiness(self) -> Readiness:
        """Unready: a process that knows no tenant while control is away, by itself or from Redis.

        Put in the place of one that remembers them, it would make the outage worse. One that has
        only begun since then is not such: it serves whom Redis remembers, which is whom the others
        serve. Shards never decide, not even all of them: every other process would be as unready,
        and nobody would be left to say when to come again.
        """
        if not self.control and not self.knows_somebody:
            return Readiness.UNREADY
        if self.control and self.redis and all(each == UP for each in self.shards.values()):
            return Readiness.READY
        return Readiness.DEGRADED


class ReadinessProbe:
    """Asks all servers, seldom, whoever asks it and however often."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._last: Report | None = None
        self._good_until = 0.0

    def report(self) -> Report:
        """Who answers; known at once if somebody has asked a moment ago or is just asking."""
        last = self._last
        if last is not None and monotonic() < self._good_until:
            return last
        # The first ones wait together; afterwards nobody waits for another's question.
        if not self._asking.acquire(blocking=last is None):
            assert last is not None
            return last
        try:
            if self._last is None or monotonic() >= self._good_until:
                self._last = asyncio.run(self._ask_everybody())
                self._good_until = monotonic() + BELIEVED_S
            return self._last
        finally:
            self._asking.release()

    async def _ask_everybody(self) -> Report:
        try:
            known = addresses.registry()
        except RegistryError:
            return Report(control=False, redis=False, shards={}, knows_somebody=False)
        shards = list(known.shards.values())
        control, redis, states = await asyncio.gather(
            _answers(known.control), _redis_answers(), asyncio.gather(*map(_state_of, shards))
        )
        named = {server.name: state for server, state in zip(shards, states, strict=True)}
        somebody = control or await asyncio.to_thread(_knows_somebody)
        return Report(control, redis, named, somebody)


def _knows_somebody() -> bool:
    # The directory says it, not what was asked here before: who watches a machine meets one of its
    # workers, and perhaps for the first time.
    from tenants.directory.lookup import directory  # its models; this is imported before the apps

    return directory().knows_somebody()


async def _state_of(server: Server) -> str:
    breaker = breaker_for(server.name)
    if breaker.away:
        return str(breaker.look().state)
    return _STATES[await _verdict_on(server)]


async def _answers(server: Server | None) -> bool:
    return server is not None and await _verdict_on(server) is Verdict.WELL


async def _verdict_on(server: Server) -> Verdict:
    """As the breaker's own probe finds it, which knows a server that is full from one that is away.

    Whatever is wrong is the breaker's to look into.
    """
    probe = Probe()
    try:
        answer = await probe.ask(server, PATIENCE_S)
    finally:
        await probe.leave()
    if answer.verdict is not Verdict.WELL:
        breaker_for(server.name).suspect(f"a health check: {answer.reason}")
    return answer.verdict


async def _redis_answers() -> bool:
    client = Redis(**client_options(str(settings.CACHES["default"]["LOCATION"])))
    try:
        async with asyncio.timeout(PATIENCE_S):
            return bool(await client.ping())
    except (RedisError, TimeoutError, OSError):
        return False
    finally:
        await client.aclose()
