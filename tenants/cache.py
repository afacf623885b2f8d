"""The tenants' cache, which outlives a Redis that lost or delayed what it was told (CACHES)."""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from time import monotonic
from types import MappingProxyType
from typing import Any, Final

from django.db import transaction
from django.db.utils import DatabaseError
from django_redis.cache import RedisCache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from routers.cache_keys import tenant_prefix
from sharding import scope
from sharding.placements.errors import PlacementError
from sharding.placements.services.placing import renew_generation
from sharding.registry.errors import RegistryError
from tenants.directory.changes import announce_change
from tenants.errors import CacheInDoubt
from tenants.models import CONTROL

log = logging.getLogger(__name__)

RETRY_S: Final = 2.0
MOST_S: Final = 10.0
CALM_S: Final = 60.0
"""So long after a tenant's last failed write the next one is of another outage."""

_WHAT: Final = "The tenants' cache"


def _nothing() -> None:
    """What Redis says of what is not there."""


def _no_keys() -> Iterator[Any]:
    return iter(())


_READS: Final[Mapping[Callable[[], Any], str]] = MappingProxyType(
    {
        dict: "get_many",
        bool: "has_key sismember hexists",
        int: "ttl pttl scard hlen zcard zcount",
        list: "keys hkeys smismember zrange zrangebyscore zrevrange zrevrangebyscore",
        set: "sdiff sinter smembers sscan sunion",
        _no_keys: "iter_keys sscan_iter",
        _nothing: "srandmember zrank zscore",
    }
)
_WRITES: Final[Mapping[Callable[[], Any], str]] = MappingProxyType(
    {
        bool: "set add delete touch persist expire expire_at pexpire pexpire_at smove",
        int: (
            "delete_many sadd srem sdiffstore sinterstore sunionstore hset hdel zadd zrem "
            "zremrangebyscore"
        ),
        list: "set_many zpopmax zpopmin",
        _nothing: "incr decr incr_version spop zincrby",
    }
)
"""Django's and django-redis's methods, by what an empty cache answers."""


class Doubts:
    """Tenants whose keys in Redis may hold what was overwritten or deleted.

    A write that failed may be lost, or arrive later: from then on this process takes nothing of
    that generation for true, and asks control for a new one. With it the tenant's keys are others,
    for every process.

    While Redis stays away the first write under the new keys fails as well. The first time control
    is asked at once, then after `RETRY_S` and ever longer, up to `MOST_S` and a half: of many
    processes one asks first, and its answer serves all. Until then the tenant goes without cache.
    """

    def __init__(self) -> None:
        self._generations: dict[str, str] = {}
        self._asks_again: dict[str, float] = {}
        self._failed: dict[str, tuple[float, float]] = {}
        """When a tenant's write failed last, and how long control was not to be asked then."""
        self._lock = threading.Lock()

    def holds(self, place: scope.Placement) -> bool:
        """Whether nothing may be read under this placement's keys."""
        if not self._generations:
            return False
        doubtful = self._generations.get(place.tenant_id)
        if doubtful is None:
            return False
        if doubtful != place.generation:
            with self._lock:
                self._generations.pop(place.tenant_id, None)
                self._asks_again.pop(place.tenant_id, None)
            return False
        self._renew(place)
        return True

    def add(self, place: scope.Placement) -> None:
        """A write of this tenant failed."""
        with self._lock:
            if self._generations.get(place.tenant_id) != place.generation:
                self._generations[place.tenant_id] = place.generation
                self._asks_again[place.tenant_id] = monotonic() + self._waits(place.tenant_id)
        self._renew(place)

    def _waits(self, tenant_id: str) -> float:
        now = monotonic()
        before = self._failed.get(tenant_id)
        if before is None or now - before[0] > CALM_S:
            self._failed[tenant_id] = now, 0.0
            return 0.0
        waits = min(MOST_S, 2 * before[1]) or RETRY_S
        self._failed[tenant_id] = now, waits
        return waits * random.uniform(1.0, 1.5)

    def _renew(self, place: scope.Placement) -> None:
        with self._lock:
            now = monotonic()
            if now < self._asks_again.get(place.tenant_id, 0):
                return
            self._asks_again[place.tenant_id] = now + RETRY_S
        try:
            with transaction.atomic(using=CONTROL):
                renew_generation(place.tenant_id)
                announce_change(place.tenant_id)
            with self._lock:
                # Done: what is left is to wait until this process sees the new placement.
                self._asks_again[place.tenant_id] = float("inf")
        except (DatabaseError, RegistryError, PlacementError) as error:
            log.warning("Control gives no new cache keys yet, going without cache: %s", error)


doubts: Final = Doubts()


class TenantCache(RedisCache):
    """django-redis, for one tenant at a time: the one in scope.

    `clear()` empties that tenant's cache and no other's. After a write that failed, this tenant's
    cache is passed by until its keys are new ones.
    """

    def get(
        self, key: Any, default: Any = None, version: int | None = None, client: Any = None
    ) -> Any:
        """Django's."""
        if doubts.holds(scope.tenant(_WHAT)):
            return default
        return super().get(key, default, version, client)

    def delete_pattern(self, *args: Any, **kwargs: Any) -> Any:
        """django-redis's."""
        kwargs.setdefault("itersize", self._default_scan_itersize)
        return self._write(0, self.client.delete_pattern, *args, **kwargs)

    def lock(self, *args: Any, **kwargs: Any) -> Any:
        """django-redis's.

        Raises:
            CacheInDoubt: a lock under keys that others may have left would keep nobody out.
        """
        place = scope.tenant(_WHAT)
        if doubts.holds(place):
            raise CacheInDoubt(place.tenant_id)
        return super().lock(*args, **kwargs)

    def clear(self) -> None:
        """Empty the cache of the tenant in scope. Django's would empty everybody's.

        Raises:
            NoTenantInScope: there is none.
        """
        self._write(None, partial(_delete_all, self.client, tenant_prefix()))

    def _write(self, instead: Any, write: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        place = scope.tenant(_WHAT)
        if doubts.holds(place):
            return instead
        try:
            return write(*args, **kwargs)
        except (ConnectionInterrupted, RedisConnectionError, RedisTimeoutError) as error:
            # django-redis wraps what Redis raises in some of its methods only.
            doubts.add(place)
            if not self._ignore_exceptions:
                raise
            log.warning("Redis did not take a write, %s goes without cache: %s", place, error)
            return instead


def _reading(name: str, instead: Callable[[], Any]) -> Callable[..., Any]:
    read = getattr(RedisCache, name)

    @wraps(read)
    def method(self: TenantCache, *args: Any, **kwargs: Any) -> Any:
        if doubts.holds(scope.tenant(_WHAT)):
            return instead()
        return read(self, *args, **kwargs)

    return method


def _writing(name: str, instead: Callable[[], Any]) -> Callable[..., Any]:
    @wraps(getattr(RedisCache, name))
    def method(self: TenantCache, *args: Any, **kwargs: Any) -> Any:
        # The client's own: the cache's might swallow the error that tells of a lost write.
        return self._write(instead(), getattr(self.client, name), *args, **kwargs)

    return method


for _make, _table in ((_reading, _READS), (_writing, _WRITES)):
    for _instead, _names in _table.items():
        for _name in _names.split():
            setattr(TenantCache, _name, _make(_name, _instead))


def _delete_all(client: Any, prefix: str) -> None:
    connection = client.get_client(write=True)
    # A prefix holds nothing that a pattern would understand.
    for key in connection.scan_iter(match=f"{prefix}*", count=500):
        connection.delete(key)
