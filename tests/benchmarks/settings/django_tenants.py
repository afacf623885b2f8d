"""django-tenants as delivered: its documentation's settings around the same application."""

from tests.benchmarks.settings.peers import *  # noqa: F403
from tests.benchmarks.settings.peers import DATABASE
from tests.benchmarks.settings.peers import INSTALLED_APPS as PEERS_APPS
from tests.benchmarks.settings.peers import MIDDLEWARE as PEERS_MIDDLEWARE

SHARED_APPS = ["django_tenants", "tests.benchmarks.peers", *PEERS_APPS[1:]]
TENANT_APPS = ["tests.benchmarks.app"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", *PEERS_MIDDLEWARE]
DATABASES = {"default": {"ENGINE": "django_tenants.postgresql_backend", **DATABASE}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "peers.Client"
TENANT_DOMAIN_MODEL = "peers.Domain"
