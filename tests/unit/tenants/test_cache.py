"""The tenants' cache asks in every method whether it can be relied on."""

import inspect

import pytest
from django_redis.cache import RedisCache

from tenants.cache import TenantCache

WITHOUT_KEYS = {"close"}


def methods():
    return sorted(
        name
        for name, each in vars(RedisCache).items()
        if not name.startswith("_") and inspect.isfunction(each) and name not in WITHOUT_KEYS
    )


@pytest.mark.parametrize("name", methods())
def test_no_method_that_takes_keys_is_django_rediss_own(name):
    assert name in vars(TenantCache)
    assert getattr(TenantCache, name) is not getattr(RedisCache, name)


def test_the_extras_of_django_redis_are_among_them():
    assert {"lock", "expire", "ttl", "keys", "hset", "sadd", "zadd"} <= set(methods())
