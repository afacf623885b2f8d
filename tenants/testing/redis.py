"""A Redis of the tests' own: one numbered database for each process, emptied after each test."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_BROKERS: Final = 15
"""The last of the sixteen that a Redis has unless told; no worker consumes what is sent there."""


@dataclass
class Redis:
    """Nothing, or the database of this process."""

    url: str = ""
    _client: Any = None

    @classmethod
    def of_tests(cls, server_url: str, worker: str) -> "Redis":
        """Lead the settings' caches and Celery there. Without a URL they stay as they are."""
        if not server_url:
            return cls()
        from django.conf import settings
        from django.core.cache import caches as handler

        digits = re.search(r"\d+$", worker)
        number = int(digits[0]) % _BROKERS if digits else 0
        url = _database(server_url, number)
        caches: Any = handler
        for alias, options in settings.CACHES.items():
            if str(options.get("LOCATION", "")).startswith(("redis:", "rediss:")):
                options["LOCATION"] = url
                if hasattr(caches._connections, alias):
                    del caches[alias]
        settings.CELERY_BROKER_URL = _database(server_url, _BROKERS)
        return cls(url)

    def empty(self) -> None:
        """Forget everything that this process's tests have put there."""
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


def _database(url: str, number: int) -> str:
    return urlsplit(url)._replace(path=f"/{number}").geturl()
