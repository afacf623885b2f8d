"""The backend with a pool, and little else. Addresses come from ATOLL_REGISTRY."""

import os

from sharding.backend.atomic_requests import WhileInScope
from sharding.backend.install import install

SECRET_KEY = "only for a test"
INSTALLED_APPS = ["sharding.backend", "django.contrib.contenttypes"]
DATABASES = {
    "default": {"ENGINE": "sharding.backend.virtual", "ATOMIC_REQUESTS": WhileInScope()},
    "control": {"ENGINE": "sharding.backend.control"},
}
DATABASE_ROUTERS = ["routers.databases.TenantRouter"]
ATOLL_HOMES = {"contenttypes": "tenant"}
ATOLL_POOL = {"max_size": 2}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
CELERY_BROKER_URL = os.environ.get("FORKING_BROKER", "")
install()
