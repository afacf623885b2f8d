"""What all places share. Nothing here has a default for a secret; see config/env.py."""

from config import celery_app, schedule
from config.env import read_environment
from config.mail import mail_settings
from sharding.backend.atomic_requests import WhileInScope
from sharding.backend.install import install
from sharding.pools.redis import RedisBreakerRetry

_env = read_environment()

DEBUG = False
SECRET_KEY = _env.secret_key
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

# An app that stands earlier replaces commands and templates of those after it.
INSTALLED_APPS = [
    # control
    "console",
    "front",
    "tenants",
    "migrations_tools",
    "migrations_tools.fleet",
    "migrations_tools.images",
    "tenants.rebalancing",
    "sharding.rebalance",
    "sharding.moves",
    "sharding.placements",
    "sharding.backend",
    # tenant
    "workspace",
    "accounts",
    "tenants.outbox",
    # reference: written in control, read by every tenant
    "tenants.catalog",
    "migrations_tools.ids",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    # no models
    "config",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    # Outermost, since it words all errors of the API, those of the next one too. Touches no data.
    "workspace.api.middleware.ProblemMiddleware",
    # Everything after it runs in the scope of the host's tenant, or does not run.
    "tenants.middleware.TenantMiddleware",
    # Under ASGI what comes after it enters the thread of its request once.
    "tenants.one_thread.OneThreadMiddleware",
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
        # Apps only, in their order: what an app calls base.html or brand.html stands before ours.
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

# --- Migrations ------------------------------------------------------------------------------

ATOLL_PG_DUMP = _env.pg_dump

# --- Tenancy ---------------------------------------------------------------------------------

ATOLL_BASE_DOMAIN = _env.base_domain
ATOLL_PUBLIC_HOSTS = list(_env.public_hosts)
ATOLL_CONSOLE_HOSTS = list(_env.console_hosts)
ATOLL_PUBLIC_URLCONF = "config.urls_public"
ATOLL_CONSOLE_URLCONF = "config.urls_console"
ATOLL_HOMES = {"auth": "tenant", "contenttypes": "tenant", "sessions": "tenant"}
# Per app of tenants the newest migration that runs everywhere: later ones are checked.
ATOLL_RELEASED_MIGRATIONS = {
    "accounts": "0004_user_wants_mail",
    "outbox": "0001_initial",
    "workspace": "0005_country",
}
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_PROVISION_STEPS = ["accounts.provision.first_admin"]
TENANT_ARRIVAL_STEPS = ["front.provision.tell_addresses"]
# A token names its tenant; attempts and mails count against limits.
ATOLL_LEFT_BEHIND = ["accounts.ApiToken", "accounts.SignInAttempt", "accounts.InvitationMail"]
TENANT_PURGE_STEPS = ["front.purge.forget_people"]
# TenantMiddleware lets through the hosts that the directory knows, tenants' own domains among
# them; a list here could only repeat it.
ALLOWED_HOSTS = ["*"]

# --- Databases -------------------------------------------------------------------------------

# Shards stand in no settings: the handler finds them in the registry, by name.
DATABASES = {
    "default": {"ENGINE": "sharding.backend.virtual", "ATOMIC_REQUESTS": WhileInScope()},
    "control": {"ENGINE": "sharding.backend.control"},
}
DATABASE_ROUTERS = ["routers.databases.TenantRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# psycopg-pool's options; sharding.pools.options fills in the rest.
ATOLL_POOL = {"max_size": _env.pool_size} if _env.pool_size else None
ATOLL_SCHEMAS_PER_CONNECTION = _env.schemas_per_connection
ATOLL_PROCESS_GROUPS = _env.process_groups
ATOLL_PROCESS_GROUP = _env.process_group
ATOLL_SERVER_LIMITS = _env.server_limits
ATOLL_CONNECTION_RESERVES = _env.connection_reserves
ATOLL_BREAKERS = _env.breakers
ATOLL_PROBE_SECONDS = _env.probe_seconds
ATOLL_THREADS = _env.threads
ATOLL_SHARD_SLOTS = _env.shard_slots
ATOLL_TENANT_SLOTS = _env.tenant_slots
ATOLL_PLANS = _env.plans
ATOLL_PROCESSES = _env.processes
install()

# --- Cache, sessions, files, signatures ------------------------------------------------------

# One breaker for both caches: they are one server.
_redis = {
    "CLIENT_CLASS": "django_redis.client.DefaultClient",
    "SOCKET_CONNECT_TIMEOUT": 0.25,
    "SOCKET_TIMEOUT": 0.25,
    "IGNORE_EXCEPTIONS": True,
    "CONNECTION_POOL_KWARGS": {"retry": RedisBreakerRetry()},
}
CACHES = {
    "default": {
        "BACKEND": "tenants.cache.TenantCache",
        "LOCATION": _env.redis_url,
        "KEY_FUNCTION": "routers.cache_keys.tenant_key",
        "REVERSE_KEY_FUNCTION": "routers.cache_keys.key_as_given",
        "OPTIONS": _redis,
    },
    "control": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": _env.redis_url,
        "KEY_FUNCTION": "routers.cache_keys.control_key",
        "REVERSE_KEY_FUNCTION": "routers.cache_keys.key_as_given",
        "OPTIONS": _redis,
    },
}
# Said although it is the default: django-redis asks at the end of every request, and a setting that
# is not there is found missing anew each time.
DJANGO_REDIS_CLOSE_CONNECTION = False
SESSION_ENGINE = "tenants.sessions"
SIGNING_BACKEND = "routers.signing.TenantSigner"
STORAGES = {
    "default": {"BACKEND": "tenants.storage.TenantStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = _env.files_root
ATOLL_ACCEL_PREFIX = _env.accel_prefix
FILE_UPLOAD_HANDLERS = [
    # First: what is too much is not even written down.
    "config.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
STATIC_URL = "/static/"
STATIC_ROOT = _env.static_root

# --- People and protection -------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# A link that sets a password is as good as one.
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "workspace:dashboard"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
# Cookies belong to exactly one host (no *_COOKIE_DOMAIN): a tenant's never reach another's.
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- Links and mail --------------------------------------------------------------------------

ATOLL_BEHIND_PROXY = _env.behind_proxy
ATOLL_LINK_SCHEME = _env.link_scheme
ATOLL_LINK_PORT = _env.link_port
DEFAULT_FROM_EMAIL = _env.mail_from
ATOLL_MAIL_FOLDER = _env.mail_folder
_keeps_mail = "front.sent_mail.FolderBackend" if _env.mail_folder else None
globals().update(mail_settings(_env.mail_url, backend=_keeps_mail))

# --- Tasks -----------------------------------------------------------------------------------

CELERY_BROKER_URL = _env.broker_url
# Without these a broker that is away holds a request for 45 s and longer.
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "retry_on_timeout": False,
    "max_retries": 1,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = ["routers.queues.route_task"]
# At least once: a task is done when it has ended, not when it was taken.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = schedule.BEAT_SCHEDULE
# For every thread of every process that loads settings: whoever sends a task must know the broker.
celery_app.app.set_default()

# --- Figures and logs ------------------------------------------------------------------------

ATOLL_METRICS_BIND = _env.metrics_bind
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "scope": {"()": "routers.log_fields.ScopeFields"},
        "request": {"()": "config.observability.request_ids.RequestFields"},
    },
    "formatters": {
        "line": {
            "format": "{asctime} {levelname} {name} tenant={tenant} shard={shard} {message}",
            "style": "{",
        },
        "json": {"()": "config.observability.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["scope", "request"],
            "formatter": _env.log_format,
        },
    },
    "root": {"handlers": ["stderr"], "level": _env.log_level},
    # Django's own set-up would print errors of requests a second time.
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
