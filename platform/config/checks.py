"""System checks of settings: what starts well and goes wrong later.

What cannot work at all stops the start (`config.env`, `config.settings.prod`); Django's own checks
of security run beside these with `manage.py check --deploy`.
"""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.core.checks import CheckMessage, Error

from config.mail import mail_host
from config.observability.redis_urls import database_of
from sharding.pools.conf import slot_settings
from sharding.registry.current import ENVIRONMENT_VARIABLE
from sharding.typed_settings import mistakes_of

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_settings(**options: Any) -> list[CheckMessage]:
    """What is wrong anywhere."""
    return [*_one_redis_database(), *_accel_prefix()]


def check_deployment(**options: Any) -> list[CheckMessage]:
    """What is wrong where real people come: `manage.py check --deploy`."""
    return [
        *_hosts(),
        *_proxy(),
        *_folders(),
        *_mail(),
        *_registry_file(),
        *_threads(),
        *_logs(),
    ]


def _one_redis_database() -> Iterator[CheckMessage]:
    cache = str(settings.CACHES["default"]["LOCATION"])
    if database_of(cache) == database_of(str(settings.CELERY_BROKER_URL)):
        yield Error(
            "The cache and Celery's queues are one database of Redis: emptying the cache would "
            "throw away every task that waits.",
            hint="Give ATOLL_BROKER_URL another number at its end than ATOLL_REDIS_URL.",
            id="config.E001",
        )


def _accel_prefix() -> Iterator[CheckMessage]:
    prefix = settings.ATOLL_ACCEL_PREFIX
    # What is no text is told by tenants.E019, here and below.
    if isinstance(prefix, str) and prefix and not (prefix[0] == prefix[-1] == "/"):
        yield Error(
            "ATOLL_ACCEL_PREFIX must begin and end with a slash, as the front server's location.",
            hint="Such as /_files/, which is what deploy/nginx has.",
            id="config.E002",
        )


def _hosts() -> Iterator[CheckMessage]:
    domain = str(settings.ATOLL_BASE_DOMAIN)
    if domain in _LOCAL or domain.endswith(".localhost"):
        yield Error(
            f"ATOLL_BASE_DOMAIN is {domain}, which nobody reaches from another machine.",
            hint="Set it to the domain below which tenants live, such as example.org.",
            id="config.E003",
        )
    if not settings.SECURE_SSL_REDIRECT:
        yield checks.Warning(
            "ATOLL_HTTPS is off: whoever is on the way reads sessions and passwords.",
            hint="Leave it on. TLS may end at a front server (ATOLL_BEHIND_PROXY).",
            id="config.W004",
        )


def _proxy() -> Iterator[CheckMessage]:
    if settings.USE_X_FORWARDED_HOST:
        yield checks.Warning(
            "USE_X_FORWARDED_HOST is on: a header that a front server does not overwrite would "
            "choose the tenant.",
            hint="Let the front server pass Host on, as deploy/nginx does, and take this away.",
            id="config.W005",
        )
    if settings.ATOLL_ACCEL_PREFIX and not settings.ATOLL_BEHIND_PROXY:
        yield checks.Warning(
            "A front server sends the files (ATOLL_ACCEL_PREFIX), but what it says of HTTPS and of "
            "visitors' addresses is not believed: redirects to HTTPS would go round in circles.",
            hint="Set ATOLL_BEHIND_PROXY=true.",
            id="config.W006",
        )


def _folders() -> Iterator[CheckMessage]:
    files = Path(settings.MEDIA_ROOT)
    if not (files.is_dir() and os.access(files, os.W_OK | os.X_OK)):
        yield Error(
            "ATOLL_FILES_ROOT is no folder that this user may write to: uploads would fail.",
            hint=f"Make {files}, shared by all machines, and give it to the user of the product.",
            id="config.E007",
        )
    storage: object = staticfiles_storage
    if isinstance(storage, ManifestFilesMixin) and not storage.hashed_files:
        yield Error(
            "No style sheets were collected: every page would fail.",
            hint="Run manage.py collectstatic, or set ATOLL_STATIC_ROOT to where it was run.",
            id="config.E008",
        )


def _mail() -> Iterator[CheckMessage]:
    if mail_host() in _LOCAL and not settings.ATOLL_MAIL_FOLDER:
        yield checks.Warning(
            "Mail goes to a server on this very machine, which is what happens when nobody has "
            "said where: without one, no invitation and no password reset arrives.",
            hint="Set ATOLL_MAIL_URL; silence this check (SILENCED_SYSTEM_CHECKS) if there is one.",
            id="config.W009",
        )


def _registry_file() -> Iterator[CheckMessage]:
    named = os.environ.get(ENVIRONMENT_VARIABLE, "")
    try:
        mode = Path(named).stat().st_mode
    except OSError:
        return  # another check and every command tell that it is missing
    if named and mode & _OTHERS & ~stat.S_IRGRP:
        yield checks.Warning(
            "The registry's file holds passwords, and others than its owner may read or write it.",
            hint="chmod 600, or 640 with a group of its own.",
            id="config.W010",
        )


def _threads() -> Iterator[CheckMessage]:
    if mistakes_of(slot_settings):
        return  # sharding.E020 or sharding.E023 says what is wrong
    threads = slot_settings().threads
    most = (settings.ATOLL_POOL or {}).get("max_size", threads)
    if threads > most:
        yield checks.Warning(
            f"gunicorn has {threads} threads for {most} connections to a shard: a thread that gets "
            "none within half a second answers 503.",
            hint="Set ATOLL_POOL_SIZE to at least ATOLL_THREADS.",
            id="config.W011",
        )


def _logs() -> Iterator[CheckMessage]:
    if logging.root.level <= logging.DEBUG:
        yield checks.Warning(
            "ATOLL_LOG_LEVEL is DEBUG: libraries log what passes through them, people's data too.",
            hint="Set it to INFO.",
            id="config.W012",
        )
