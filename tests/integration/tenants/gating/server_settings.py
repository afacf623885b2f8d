"""The settings of the web servers under load: as in tests, but they hear, pool and bound."""

from config.settings.test import *  # noqa: F403

ROOT_URLCONF = "tests.integration.tenants.gating.views"
ATOLL_PROCESS_ROWS = True
ATOLL_THREADS = 40
ATOLL_TENANT_SLOTS = 0
ATOLL_SHARD_SLOTS = 0
ATOLL_POOL = {"max_size": 16}
ATOLL_GATE_SECONDS = 20
