"""What plain Django and django-tenants share: the product's settings, minus Atoll.

Written out, since importing the product's settings would install its connection handler.
`test_like_with_like.py` compares the two.
"""

import os
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[3] / "platform" / "config"

DEBUG = False
SECRET_KEY = os.environ["ATOLL_SECRET_KEY"]
ROOT_URLCONF = "tests.benchmarks.app.urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "tests.benchmarks.app",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.MembersOnlyMiddleware",
    "workspace.time_zone.TimeZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    },
]
LOGIN_URL = "/sign-in/"

_pool_size = int(os.environ["ATOLL_POOL_SIZE"])
_pool = {
    "min_size": 0,
    "max_size": _pool_size,
    "timeout": 0.5,
    "max_waiting": 0,
    "reconnect_timeout": 2,
    "num_workers": 1,
}
DATABASE = {
    "HOST": os.environ["BENCH_DB_HOST"],
    "PORT": os.environ["BENCH_DB_PORT"],
    "NAME": os.environ["BENCH_DB_NAME"],
    "USER": os.environ["BENCH_DB_USER"],
    "PASSWORD": os.environ["BENCH_DB_PASSWORD"],
    "ATOMIC_REQUESTS": True,
    "CONN_MAX_AGE": 0 if _pool_size else 3600,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "connect_timeout": 2,
        "tcp_user_timeout": 3000,
        **({"pool": _pool} if _pool_size else {}),
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = _PROJECT / ".no-static"
