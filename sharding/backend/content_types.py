"""Django's caches of content types and sites, per tenant.

Stock keys them by alias: a tenant would get another's ids, and its records would be stamped with
another's name. The managers keep their cache in an attribute, which is replaced here by an object
that behaves like it and looks at the tenant.

Source: docs/adr/0006.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from sharding import scope
from sharding.backend.alias import tenant_of

TENANTS_KEPT: Final = 1000
"""About 15 kB each, with 30 content types."""

Key = tuple[str, str | None, int]


class CacheByTenant:
    """`{alias: {…}}` to Django; inside by alias, tenant and epoch. The longest unused fall out."""

    def __init__(self, kept: int = TENANTS_KEPT) -> None:
        self._kept = kept
        self._entries: OrderedDict[Key, dict[Any, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, alias: str) -> dict[Any, Any]:
        key = _key(alias)
        with self._lock:
            entry = self._entries[key]
            self._entries.move_to_end(key)
        return entry

    def setdefault(self, alias: str, default: dict[Any, Any]) -> dict[Any, Any]:
        """As of a dict; what is added beyond the bound pushes the longest unused tenant out."""
        key = _key(alias)
        with self._lock:
            entry = self._entries.setdefault(key, default)
            self._entries.move_to_end(key)
            while len(self._entries) > self._kept:
                self._entries.popitem(last=False)
        return entry

    def clear(self) -> None:
        """Forget all tenants."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class SitesByTenant(dict[Any, Any]):
    """SITE_CACHE: keys of Django (id or host) together with the tenant in scope and its epoch."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_site_key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_site_key(key), value)

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(_site_key(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(_site_key(key))

    def get(self, key: Any, default: Any = None) -> Any:
        """As of a dict."""
        return super().get(_site_key(key), default)


def key_content_types_by_tenant() -> None:
    """Replace both caches, where their apps are installed. Idempotent."""
    from django.apps import apps

    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        key_by_tenant(ContentType)
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites import models

        if not isinstance(models.SITE_CACHE, SitesByTenant):
            models.SITE_CACHE = SitesByTenant()
        # Not by assignment: the stubs have another signature for it.
        setattr(models.SiteManager, "clear_cache", _clear_sites)  # noqa: B010


def key_by_tenant(model: Any) -> None:
    """Replace the cache of one ContentType: the real one, or a historical one of migrations."""
    cache = CacheByTenant()
    for manager in _managers(model):
        if not isinstance(manager._cache, CacheByTenant):
            manager._cache = cache


def _clear_sites(manager: Any) -> None:
    """SiteManager.clear_cache, in place: stock's puts a plain dict there, which is everybody's."""
    from django.contrib.sites import models

    models.SITE_CACHE.clear()


def _managers(model: Any) -> Iterator[Any]:
    # `managers` gives copies of the local ones; both are asked, by `objects` and by apps.
    yield from model._meta.local_managers
    yield from model._meta.managers


def _key(alias: str) -> Key:
    place = scope.tenant_or_none()
    tenant_id = tenant_of(alias)
    if tenant_id is None and place is not None:
        tenant_id = place.tenant_id
    # The epoch: a restore may give a tenant other ids.
    return str(alias), tenant_id, place.epoch if place is not None else 0


def _site_key(key: Any) -> tuple[str | None, int, Any]:
    place = scope.tenant_or_none()
    return (place.tenant_id, place.epoch, key) if place is not None else (None, 0, key)
