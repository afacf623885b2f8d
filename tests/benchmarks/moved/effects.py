"""What a view does outside of the database: a list in Redis grows, each time that it is done."""

import os
from functools import cache
from typing import Final

from redis import Redis

EFFECTS: Final = "bench:moved:effects"


def have_an_effect(what: str) -> None:
    """Do it, once more."""
    _redis().rpush(EFFECTS, what)


@cache
def _redis() -> Redis:
    return Redis.from_url(os.environ["ATOLL_REDIS_URL"])
