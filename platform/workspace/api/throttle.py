"""How much one token may ask."""

import time
from typing import Final

from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from workspace.api.auth import caller
from workspace.api.conf import api_settings

WINDOW_S: Final = 60


class TokenThrottle(BaseThrottle):
    """Counts a token's requests by the minute, in its tenant's cache.

    Not ninja's own rates: those keep the request that they judge in the throttle itself, which all
    threads share, so that one tenant's count could be written under another's key.

    Without Redis nothing is counted and everything let through: the cache costs speed, never
    service (P7).
    """

    def allow_request(self, request: HttpRequest) -> bool:
        """Count this request; False when it is one too many."""
        key = f"workspace.api.rate:{caller(request).token}:{int(time.time()) // WINDOW_S}"
        cache.add(key, 0, timeout=2 * WINDOW_S)
        try:
            count = cache.incr(key)
        except ValueError:  # it was evicted between the two
            return True
        return count is None or count <= api_settings().per_minute

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return WINDOW_S - time.time() % WINDOW_S
