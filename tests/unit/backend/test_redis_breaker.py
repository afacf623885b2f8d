"""After Redis failed nobody waits for it for a second."""

import copy

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sharding.pools import redis as module
from sharding.pools.redis import RedisBreakerRetry


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def raising(error):
    def do():
        calls.append(error)
        raise error

    calls: list[BaseException] = []
    return do, calls


def call(retry, do):
    return retry.call_with_retry(do, lambda error: None)


@pytest.mark.parametrize("error", [RedisConnectionError("x"), RedisTimeoutError("x"), OSError("x")])
def test_it_opens_on_the_first_failure_and_closes_after_a_second(clock, error):
    retry = RedisBreakerRetry()
    do, calls = raising(error)
    with pytest.raises(type(error)):
        call(retry, do)
    assert retry.away
    with pytest.raises(RedisConnectionError, match="away"):
        call(retry, do)
    assert len(calls) == 1, "nobody asked it, and nobody retried"
    clock[0] += 1.1
    assert call(retry, lambda: 5) == 5
    assert not retry.away


def test_errors_of_redis_itself_do_not_open_it(clock):
    retry = RedisBreakerRetry()
    do, _ = raising(ResponseError("x"))
    with pytest.raises(ResponseError):
        call(retry, do)
    assert not retry.away


def test_copies_for_connections_are_the_same_object():
    retry = RedisBreakerRetry()
    assert copy.deepcopy(retry) is retry


def test_redis_py_asks_it():
    """Canary: a client built with it raises at once while it is open."""
    import redis

    retry = RedisBreakerRetry()
    client = redis.Redis(host="127.0.0.1", port=1, retry=retry, socket_connect_timeout=0.2)
    with pytest.raises(RedisConnectionError):
        client.get("x")
    assert retry.away
    with pytest.raises(RedisConnectionError, match="a moment ago"):
        client.get("x")
    client.close()
