"""Negative control: connections that wait for ever, as psycopg's own do."""

from sharding.pools.deadline import Deadlined
from tests.benchmarks.settings.atoll import *  # noqa: F403

Deadlined.cap = float("inf")
ATOLL_REQUEST_SECONDS = 600
