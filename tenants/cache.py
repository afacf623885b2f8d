"""The tenants' cache, which outlives a Redis that lost or delayed what it was told (CACHES)."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Final

from django.db import transaction
from django.db.utils import DatabaseError
from django_redis.cache import RedisCache
from django_redis.exceptions import ConnectionInterrupted

from routers.cache_keys import tenant_prefix
from sharding import scope
from sharding.placements.errors import PlacementError
from sharding.placements.services.placing import renew_generation
from sharding.registry.errors import RegistryError
from tenants.directory.changes import announce_change
from tenants.models import CONTROL

log = logging.getLogger(__name__)

RETRY_S: Final = 2.0


class Doubts:
    """Tenants whose keys in Redis may hold what was overwritten or deleted.

    A write that failed may be lost, or arrive later: from then on this process takes nothing of
    that generation for true, and asks control for a new one. With it the tenant's keys are others,
    for every process.
    """

    def __init__(self) -> None:
        self._generations: dict[str, str] = {}
        self._asks_again: dict[str, float] = {}
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
            self._generations[place.tenant_id] = place.generation
        self._renew(place)

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
        if doubts.holds(scope.tenant("The tenants' cache")):
            return default
        return super().get(key, default, version, client)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._read({}, super().get_many, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._read(False, super().has_key, *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(False, self.client.set, *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(False, self.client.add, *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write([], self.client.set_many, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(False, self.client.delete, *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(0, self.client.delete_many, *args, **kwargs)

    def delete_pattern(self, *args: Any, **kwargs: Any) -> Any:
        """django-redis's."""
        kwargs.setdefault("itersize", self._default_scan_itersize)
        return self._write(0, self.client.delete_pattern, *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(None, self.client.incr, *args, **kwargs)

    def decr(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(None, self.client.decr, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        """Django's."""
        return self._write(False, self.client.touch, *args, **kwargs)

    def clear(self) -> None:
        """Empty the cache of the tenant in scope. Django's would empty everybody's.

        Raises:
            NoTenantInScope: there is none.
        """
        self._write(None, partial(_delete_all, self.client, tenant_prefix()))

    def _read(self, instead: Any, read: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if doubts.holds(scope.tenant("The tenants' cache")):
            return instead
        return read(*args, **kwargs)

    def _write(self, instead: Any, write: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        place = scope.tenant("The tenants' cache")
        if doubts.holds(place):
            return instead
        try:
            return write(*args, **kwargs)
        except ConnectionInterrupted as error:
            doubts.add(place)
            if not self._ignore_exceptions:
                raise
            log.warning("Redis did not take a write, %s goes without cache: %s", place, error)
            return instead


def _delete_all(client: Any, prefix: str) -> None:
    connection = client.get_client(write=True)
    # A prefix holds nothing that a pattern would understand.
    for key in connection.scan_iter(match=f"{prefix}*", count=500):
        connection.delete(key)
