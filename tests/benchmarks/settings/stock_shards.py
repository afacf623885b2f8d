"""Plain Django over two shards, with Django's pool and everything else as Django delivers it.

The pool is as large as the product's; its times, libpq's and the cache's are their defaults.
"""

import json
import os

from tests.benchmarks.settings.peers import *  # noqa: F403
from tests.benchmarks.settings.peers import DATABASE, INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.stock"]
MIDDLEWARE = [
    "tests.benchmarks.stock.routing.HostMiddleware",
    *MIDDLEWARE,
    "tests.benchmarks.stock.routing.AtomicViewMiddleware",
]
_DEFAULTS = {
    **DATABASE,
    "ENGINE": "django.db.backends.postgresql",
    "ATOMIC_REQUESTS": False,
    "OPTIONS": {"pool": {"max_size": int(os.environ["ATOLL_POOL_SIZE"])}},
}
# BENCH_DATABASES: alias → HOST, PORT.
DATABASES = {
    alias: {**_DEFAULTS, "HOST": at[0], "PORT": str(at[1])}
    for alias, at in json.loads(os.environ["BENCH_DATABASES"]).items()
}
DATABASE_ROUTERS = ["tests.benchmarks.stock.routing.ByHost"]
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ["ATOLL_REDIS_URL"],
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
    }
}
