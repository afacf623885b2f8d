"""django-tenants as delivered, around the application of `make bench-fleet`.

BENCH_RELEASE says which release of it; BENCH_BIG adds wagtail and allauth to every tenant.
"""

import os

from tests.benchmarks.settings.fleet import *  # noqa: F403
from tests.benchmarks.settings.fleet import BIG_APPS, BIG_MIDDLEWARE
from tests.benchmarks.settings.peers import *  # noqa: F403
from tests.benchmarks.settings.peers import DATABASE

TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "tests.benchmarks.fleet",
    *(BIG_APPS if os.environ.get("BENCH_BIG") else ()),
]
SHARED_APPS = ["django_tenants", "tests.benchmarks.peers", "django.contrib.contenttypes"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
MIDDLEWARE = BIG_MIDDLEWARE if os.environ.get("BENCH_BIG") else []
DATABASES = {"default": {"ENGINE": "django_tenants.postgresql_backend", **DATABASE}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "peers.Client"
TENANT_DOMAIN_MODEL = "peers.Domain"
