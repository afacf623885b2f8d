"""Which tenants have imports or exports under way: hints for beat, kept in Redis for all tenants.

Beat cannot look into every tenant each few seconds. A hint too many costs one look; one that was
lost, with Redis or by a race, costs minutes: every tenant is looked into now and then.
"""

from typing import Any, Final

from django.core.cache import caches
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from sharding import scope
from workspace.models import Export, Import
from workspace.services.imports import UNFINISHED

KEY: Final = "workspace.transfers_at_work"
_CONTROL: Final = "control"


def hint_at_work() -> None:
    """Say that the tenant in scope has an import or export under way."""
    _shared().sadd(KEY, scope.tenant("A hint").tenant_id)


def take_hint_back() -> bool:
    """Say that it has none any more, if that is so; whether it is.

    Looked at after the hint is gone: what begins meanwhile is found, or hints anew.
    """
    _shared().srem(KEY, scope.tenant("A hint").tenant_id)
    waiting = Export.objects.filter(file="").exists()
    if waiting or Import.objects.filter(state__in=UNFINISHED).exists():
        hint_at_work()
        return False
    return True


def hinted_tenants() -> set[str]:
    """Ids of the tenants that hinted; none while Redis is away."""
    try:
        return set(_shared().smembers(KEY) or ())
    except (ConnectionInterrupted, RedisError):
        return set()


def forget_hint(tenant_id: str) -> None:
    """Take back the hint of a tenant that is not there any more."""
    _shared().srem(KEY, tenant_id)


def _shared() -> Any:
    """django-redis's cache: Django's own type knows no sets."""
    return caches[_CONTROL]
