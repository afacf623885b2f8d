"""Atoll with the application of `make bench-fleet` in place of `workspace`.

BENCH_RELEASE says which release of it; BENCH_BIG adds wagtail and allauth to every tenant.
"""

import os

from config.settings.prod import *  # noqa: F403
from config.settings.prod import ATOLL_HOMES, INSTALLED_APPS, MIDDLEWARE
from tests.benchmarks.settings.fleet import *  # noqa: F403
from tests.benchmarks.settings.fleet import BIG_APPS, BIG_HOMES, BIG_MIDDLEWARE

_big = bool(os.environ.get("BENCH_BIG"))
INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if app != "workspace"),
    "tests.benchmarks.app",
    "tests.benchmarks.fleet",
    *(BIG_APPS if _big else ()),
]
MIDDLEWARE = [
    *(path for path in MIDDLEWARE if not path.startswith("workspace.")),
    *(BIG_MIDDLEWARE if _big else ()),
]
ATOLL_HOMES = {**ATOLL_HOMES, **(BIG_HOMES if _big else {})}
# What wagtail's first page gets from Python is each tenant's own.
ATOLL_IMAGE_EXPRESSIONS = {"wagtailcore_page.translation_key": "gen_random_uuid()"} if _big else {}
# One at a time, made when the benchmark says so.
ATOLL_SPARES = 1
CELERY_BEAT_SCHEDULE: dict[str, object] = {}
# The product's own paths lead to `workspace`.
ROOT_URLCONF = "tests.benchmarks.app.urls"
# Hashing a first admin's password would take longer than all the rest; only those who are asked
# over HTTP get rows.
TENANT_PROVISION_STEPS = (
    ["tests.benchmarks.app.provision.seed_tenant"] if os.environ.get("BENCH_SEED") else []
)
SITE_ID = 1
