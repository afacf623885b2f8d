"""Cache keys that no two tenants can share (CACHES, KEY_FUNCTION).

Tenant id and generation hold neither a colon nor a dot, and stand first: no key that a tenant
chooses can look like another tenant's.
"""

from typing import Final

from sharding import scope

_CONTROL: Final = "control:"


def tenant_key(key: str, key_prefix: str, version: int) -> str:
    """The key of the tenant in scope. A new generation of its placement forgets all of them.

    Raises:
        NoTenantInScope: the cache for shared things is `caches["control"]`.
    """
    return f"{tenant_prefix()}{key_prefix}:{version}:{key}"


def tenant_prefix() -> str:
    """What all keys of the tenant in scope begin with.

    Raises:
        NoTenantInScope: the scope is none or control.
    """
    place = scope.tenant("The tenants' cache")
    return f"{place.tenant_id}.{place.generation}:"


def control_key(key: str, key_prefix: str, version: int) -> str:
    """The key of something that no tenant owns; every tenant can see it."""
    return f"{_CONTROL}{key_prefix}:{version}:{key}"


def key_as_given(key: str) -> str:
    """What the caller named, out of a key made here (django-redis's REVERSE_KEY_FUNCTION)."""
    return key.split(":", 3)[3]
