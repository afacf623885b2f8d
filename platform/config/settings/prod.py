"""Production: every secret comes from the environment, or the start fails with its name."""

import logging

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.settings.base import *

_env = env.read_environment()

if _env.secret_key == env.DEVELOPMENT_SECRET:
    raise ImproperlyConfigured(
        "ATOLL_SECRET_KEY is the one of development, which everybody knows. Make one: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )

# What Python warns of is a log line like any other, and not text between them.
logging.captureWarnings(True)

# A style sheet's name says its content, so that browsers and front servers may keep it for ever.
STORAGES = {
    **STORAGES,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
    },
}
# Both would bind names that are not ours: tenants bring domains of their own, below which others
# may be served over plain HTTP.
SILENCED_SYSTEM_CHECKS = [f"security.{number}" for number in ("W005", "W021")]

if _env.https:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = int(_env.hsts.total_seconds())
    # The prefix makes browsers refuse a cookie of this name that another subdomain has set.
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrf"
if _env.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
