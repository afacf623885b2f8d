"""Redis away costs speed, not time: after a failure nobody waits for it for a while."""

import logging
from collections.abc import Callable
from socket import socket
from threading import get_ident
from time import monotonic
from typing import Any, Final, Self, TypeVar

from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

T = TypeVar("T")

log = logging.getLogger(__name__)

OPEN_S: Final = 1.0
LONGEST_S: Final = 4.0
"""While Redis hangs, who asks it again waits a quarter of a second: seldom enough that it is less
than one request in a hundred of a busy process."""

_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)


class RedisBreakerRetry(Retry):
    """Never retries; after a connection error or time-out it refuses at once, for a second.

    Then one asks Redis again, while the others still go on without, and after twice as long again,
    up to four seconds. Only an answer closes it, since a server that hangs takes connections all
    the same.

    One object serves all connections of a cache: put it into CONNECTION_POOL_KWARGS["retry"]. What
    was written while Redis was away may be lost, or arrive later: see routers.cache_keys.

    Source: docs/adr/0005; redis-py's `Retry.call_with_retry`.
    """

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)
        self._opens_again = 0.0
        """0: it is closed."""
        self._pause_s = OPEN_S
        """How long it refuses from the next failure on."""
        self._connected: int | None = None
        """The thread that asks again and has its connection; its command comes next."""

    @property
    def away(self) -> bool:
        """True while calls are refused."""
        return monotonic() < self._opens_again

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> T:
        """Call `do` once, or refuse.

        Raises:
            redis.exceptions.ConnectionError: Redis is away.
        """
        asks_again = bool(self._opens_again) and self._may_ask()
        try:
            result: T = super().call_with_retry(do, fail, *args, **kwargs)
        except _AWAY as error:
            # Once per opening; every single call that is refused after it would fill the log.
            log.warning("Redis is away, calls are refused for %s s: %s", self._pause_s, error)
            self._opens_again = monotonic() + self._pause_s
            raise
        if not isinstance(result, socket):
            self._opens_again = 0.0
            self._pause_s = OPEN_S
        elif asks_again:
            self._connected = get_ident()
        return result

    def _may_ask(self) -> bool:
        if self._connected == get_ident():
            self._connected = None
            return False
        if self.away:
            raise RedisConnectionError("Redis was away a moment ago; it is asked again soon.")
        self._pause_s = min(2 * self._pause_s, LONGEST_S)
        self._opens_again = monotonic() + self._pause_s
        return True

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # redis-py copies it for each connection; what one has met, all must know.
        return self
