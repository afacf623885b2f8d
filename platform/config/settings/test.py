"""Tests: servers are the fixtures' own; nothing here leads to anybody else's."""

from config import env
from devstack.binaries import newest_pg_dump

env.set_defaults(
    {
        "ATOLL_SECRET_KEY": env.DEVELOPMENT_SECRET,
        # Port 1 refuses at once: a test that needs Redis takes the fixture that has one.
        "ATOLL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ATOLL_HTTPS": "false",
        "ATOLL_LOG_FORMAT": "line",
        "ATOLL_PG_DUMP": newest_pg_dump(),
        "ATOLL_POOL_SIZE": "0",
    }
)

from config.settings.base import *  # noqa: E402

# zeal tells of queries that are asked once per row (test_queries_per_row.py).
INSTALLED_APPS = ["devstack", "zeal", *INSTALLED_APPS]
# The real hashers take a quarter of a second on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests ask for as much at once as they like; those of slots say how many there are.
ATOLL_THREADS = 200
# A heartbeat is a thread that outlives the test which woke it.
ATOLL_PROCESS_ROWS = False
# So does a breaker, and it keeps a server that a test has stopped away from the next test. Those of
# breakers turn them on, and so does the fixture `faulty`.
ATOLL_BREAKERS = False
