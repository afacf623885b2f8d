"""After Redis failed nobody waits for it for a while."""

import copy
import socket
from concurrent.futures import ThreadPoolExecutor

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


def test_it_is_asked_ever_more_seldom_until_it_has_answered(clock):
    retry = RedisBreakerRetry()

    def seconds_until_asked():
        """Asks ten times a second; how long it was until somebody waited."""
        do, calls = raising(RedisTimeoutError("x"))
        for tenths in range(1, 100):
            with pytest.raises((RedisTimeoutError, RedisConnectionError)):
                call(retry, do)
            if calls:
                return tenths / 10
            clock[0] += 0.1
        return None

    assert [seconds_until_asked() for _ in range(5)] == pytest.approx([0.1, 1, 2, 4, 4], abs=0.25)
    clock[0] += 4.1
    assert call(retry, lambda: 5) == 5
    assert [seconds_until_asked() for _ in range(2)] == pytest.approx([0.1, 1], abs=0.25)


def test_those_who_were_under_way_when_it_went_away_count_as_one(clock):
    retry = RedisBreakerRetry()
    do, calls = raising(RedisTimeoutError("x"))

    def one_of(number):
        # Each is under way before the first has failed.
        if number:
            with pytest.raises(RedisTimeoutError):
                call(retry, lambda: one_of(number - 1))
        do()

    with pytest.raises(RedisTimeoutError):
        call(retry, lambda: one_of(5))
    assert len(calls) == 6
    clock[0] += 1.1
    assert call(retry, lambda: 5) == 5


@pytest.fixture
def waited(clock):
    """One that has met a failure a second ago; what fails once more, and its calls so far: none."""
    retry = RedisBreakerRetry()
    first, _ = raising(RedisTimeoutError("x"))
    with pytest.raises(RedisTimeoutError):
        call(retry, first)
    clock[0] += 1.1
    return retry, *raising(RedisTimeoutError("x"))


def refuses_others(retry, do):
    with ThreadPoolExecutor(1) as others, pytest.raises(RedisConnectionError, match="a moment ago"):
        others.submit(call, retry, do).result()


@pytest.fixture
def connection():
    with socket.socket() as made:
        yield made


def test_a_connection_alone_does_not_close_it_and_only_one_asks_again(clock, waited, connection):
    retry, do, calls = waited
    assert call(retry, lambda: connection) is connection
    refuses_others(retry, do)
    assert len(calls) == 0, "the others go on without"
    with pytest.raises(RedisTimeoutError):
        call(retry, do)
    assert len(calls) == 1, "who has the connection asks"
    with pytest.raises(RedisConnectionError, match="a moment ago"):
        call(retry, do)
    clock[0] += 2.1
    call(retry, lambda: connection)
    assert call(retry, lambda: b"PONG") == b"PONG"
    assert not retry.away


def test_who_asks_again_and_gets_no_greeting_keeps_the_others_from_waiting(waited, connection):
    retry, do, calls = waited
    # Redis-py greets outside of the retry: what failed there nobody tells.
    call(retry, lambda: connection)
    refuses_others(retry, do)
    # It connects once more for its next command, and then is refused like all.
    call(retry, lambda: connection)
    with pytest.raises(RedisConnectionError, match="a moment ago"):
        call(retry, do)
    assert len(calls) == 0


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
