"""django-tenants tuned: one SET per switch of tenant, and hosts kept in the process."""

from tests.benchmarks.settings.django_tenants import *  # noqa: F403
from tests.benchmarks.settings.peers import MIDDLEWARE as PEERS_MIDDLEWARE

MIDDLEWARE = ["tests.benchmarks.peers.middleware.CachedHostsMiddleware", *PEERS_MIDDLEWARE]
TENANT_LIMIT_SET_CALLS = True
