"""Redis in tests: no test reads what another one, or anybody else, has put there."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_BROKERS: Final = 15
"""The last of the sixteen that a Redis has unless told; no worker consumes what is sent there."""


@dataclass
class Redis:
    """What the caches of this process are told, test by test.

    Attributes:
        prefix: begins the prefix of all keys of this process.
        url: a database of this process alone, which may be emptied; empty where there is none.
    """

    prefix: str = ""
    url: str = ""
    _tests: int = 0
    _client: Any = None

    @classmethod
    def of_tests(cls, server_url: str, *, worker: str, run: str) -> "Redis":
        """Lead the settings' caches and Celery to the tests' own Redis, if there is one."""
        made = cls(prefix=f"test-{run}-{worker}")
        if server_url:
            digits = re.search(r"\d+$", worker)
            number = int(digits[0]) % _BROKERS if digits else 0
            made.url = _database(server_url, number)
            _lead_to(made.url, broker=_database(server_url, _BROKERS))
        return made

    def begin_test(self) -> None:
        """Give the caches a prefix that no test had."""
        from django.conf import settings
        from django.core.cache import caches

        self._tests += 1
        prefix = f"{self.prefix}-{self._tests}"
        for options in settings.CACHES.values():
            options["KEY_PREFIX"] = prefix
        for cache in caches.all(initialized_only=True):
            cache.key_prefix = prefix

    def end_test(self) -> None:
        """Empty the database, where it is the tests' own."""
        if self.url:
            if self._client is None:
                import redis

                self._client = redis.Redis.from_url(self.url)
            self._client.flushdb()

    def close(self) -> None:
        """Close our connection. Idempotent."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _lead_to(url: str, *, broker: str) -> None:
    from django.conf import settings
    from django.core.cache import caches as handler

    caches: Any = handler
    for alias, options in settings.CACHES.items():
        if str(options.get("LOCATION", "")).startswith(("redis:", "rediss:")):
            options["LOCATION"] = url
            if hasattr(caches._connections, alias):
                del caches[alias]
    settings.CELERY_BROKER_URL = broker


def _database(url: str, number: int) -> str:
    return urlsplit(url)._replace(path=f"/{number}").geturl()
