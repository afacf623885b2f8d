"""A project on django-tenants as its documentation shows it, with people shared."""

import os

DEBUG = False
SECRET_KEY = "the old project's own"
TYPES_OF_OWN = os.environ.get("LEGACY_TYPES") == "own"
SHARED_APPS = [
    "django_tenants",
    "tests.benchmarks.peers",
    "tests.integration.adoption.people",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
]
TENANT_APPS = [
    "tests.integration.adoption.stock",
    # Django's documentation of both ways exists in the wild.
    *(["django.contrib.contenttypes"] if TYPES_OF_OWN else []),
]
INSTALLED_APPS = list(dict.fromkeys([*SHARED_APPS, *TENANT_APPS]))
# The old release: without what came after the two projects parted.
MIGRATION_MODULES = {"stock": "tests.integration.adoption.legacy.migrations"}
AUTH_USER_MODEL = "people.Person"
TENANT_MODEL = "peers.Client"
TENANT_DOMAIN_MODEL = "peers.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "HOST": os.environ["LEGACY_HOST"],
        "PORT": os.environ["LEGACY_PORT"],
        "NAME": os.environ["LEGACY_NAME"],
        "USER": os.environ["LEGACY_USER"],
        "PASSWORD": os.environ["LEGACY_PASSWORD"],
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
