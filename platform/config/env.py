"""What settings take from the environment, read once, into typed values.

A variable without a default must be there: reading fails with its name. Development and tests
supply their defaults through `set_defaults` before the settings are read; production supplies none.
What is no setting is read where it is used; docs/reference/settings.md lists all of it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds manage.py."""

_BIND: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):[0-9]{1,5}")
_YES: Final = frozenset({"true", "on", "yes", "1"})
_NO: Final = frozenset({"false", "off", "no", "0", ""})
FORMATS: Final = ("json", "line")
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEVELOPMENT_SECRET = "development-only-secret-key-that-prod-refuses"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says.

    Attributes:
        secret_key: ATOLL_SECRET_KEY. Signs sessions and links of all tenants, salted per tenant.
        redis_url: ATOLL_REDIS_URL. The cache, shared by all processes.
        broker_url: ATOLL_BROKER_URL. Celery's queues; by default database 1 of the cache's server,
            since emptying a cache empties its whole database.
        base_domain: ATOLL_BASE_DOMAIN. Tenants live on `<slug>.<base_domain>`.
        public_hosts: ATOLL_PUBLIC_HOSTS, by commas. By default the base domain, with and
            without `www.`.
        console_hosts: ATOLL_CONSOLE_HOSTS, by commas. By default `console.<base_domain>`.
        files_root: ATOLL_FILES_ROOT. Where tenants' files are kept.
        accel_prefix: ATOLL_ACCEL_PREFIX. Such as `/_files/`: the front server's internal address
            of ATOLL_FILES_ROOT. Empty: this process sends files itself.
        static_root: ATOLL_STATIC_ROOT. Where collectstatic puts style sheets and WSGI finds them.
        pool_size: ATOLL_POOL_SIZE. Connections per shard and process; 0 means no pool. As large
            as the number of threads, or threads wait for each other.
        schemas_per_connection: ATOLL_SCHEMAS_PER_CONNECTION. How many tenants a connection to a
            shard may serve before it is replaced: what the server remembers of each stays until
            then, some 0.74 MB for 30 tables ([how](../how-to/pools.md)). 0: as many as come.
        process_groups: ATOLL_PROCESS_GROUPS. All processes that connect to servers, such as
            `web=4x8 worker-alpha=2x1:alpha`: 4 processes of 8 threads, and 2 that serve alpha only.
            What pools may open is computed from it ([how](../how-to/pools.md)).
        process_group: ATOLL_PROCESS_GROUP. Which of the groups this process belongs to; its pools
            then are as large as the budget says, and ATOLL_POOL_SIZE matters no more.
        server_limits: ATOLL_SERVER_LIMITS. What the servers let be opened, such as
            `control=100 alpha=200-10`: max_connections, less what is reserved for superusers.
        connection_reserves: ATOLL_CONNECTION_RESERVES. What pools leave to others: own (per
            database), mover (per shard), admin (per server).
        breakers: ATOLL_BREAKERS. Find out servers that do not answer, and refuse at once what would
            wait for them ([how](../how-to/bulkheads.md)). Off, only deadlines end such waits.
        probe_seconds: ATOLL_PROBE_SECONDS. How long a server may take to answer a probe, such as
            `0.25 beta=0.6`: all, and one that is farther away. Above its worst healthy round trip.
        threads: ATOLL_THREADS. Threads of each gunicorn process. Under ASGI: how many requests a
            process shall work on at once. What one shard may have of them follows from it.
        shard_slots: ATOLL_SHARD_SLOTS. Requests that one shard may have at a time in a process; who
            comes then gets 503 at once ([limits](../how-to/limits.md)). Empty: 3 less than
            ATOLL_THREADS, at least 1. 0: no limit.
        tenant_slots: ATOLL_TENANT_SLOTS. The same for one tenant that has no plan. Empty: half of
            the shard's, rounded up. 0: no limit.
        plans: ATOLL_PLANS. Plans of tenants, such as `small=8/1500ms large=40`: 8 requests at a
            time in all processes together, and no statement longer than 1.5 s.
        processes: ATOLL_PROCESSES. The processes that share a plan's requests, of all machines. By
            default WEB_CONCURRENCY; where ATOLL_PROCESS_GROUP is set, its group's count.
        https: ATOLL_HTTPS. Cookies for HTTPS only, redirects to it, strict transport security.
        behind_proxy: ATOLL_BEHIND_PROXY. Believe X-Forwarded-Proto, and the last address in
            X-Forwarded-For. Only where a proxy sets them.
        hsts: ATOLL_HSTS_SECONDS. How long browsers remember that this host speaks HTTPS only.
        link_scheme: ATOLL_LINK_SCHEME. What links in mails begin with; by default `https`, or
            `http` where ATOLL_HTTPS is off.
        link_port: ATOLL_LINK_PORT. The port in links in mails, where it is not the scheme's own.
        mail_url: ATOLL_MAIL_URL. The server that takes mail, such as
            `smtp+tls://user:password@mail.example:587`.
        mail_folder: ATOLL_MAIL_FOLDER. For demo and development: mails are not sent but kept here,
            and the public host shows them under /mail/. Empty: they are sent.
        mail_from: ATOLL_MAIL_FROM. The sender's address; by default `no-reply@<base_domain>`.
        pg_dump: ATOLL_PG_DUMP. The program that reads images off; as new as the newest server.
        metrics_bind: ATOLL_METRICS_BIND. Such as `127.0.0.1:9101`: gunicorn (or a worker) listens
            there, and answers /metrics there only. For scrapers only. Empty: no figures.
        log_format: ATOLL_LOG_FORMAT. `json`, an object a line, for programs; `line`, for people.
        log_level: ATOLL_LOG_LEVEL. From which level on messages go to stderr: DEBUG, INFO,
            WARNING, ERROR.
    """

    secret_key: str
    redis_url: str
    broker_url: str
    base_domain: str
    public_hosts: tuple[str, ...]
    console_hosts: tuple[str, ...]
    files_root: Path
    accel_prefix: str
    static_root: Path
    pool_size: int
    schemas_per_connection: int
    process_groups: str
    process_group: str
    server_limits: str
    connection_reserves: str
    breakers: bool
    probe_seconds: str
    threads: int
    shard_slots: int | None
    tenant_slots: int | None
    plans: str
    processes: int
    https: bool
    behind_proxy: bool
    hsts: timedelta
    link_scheme: str
    link_port: str
    mail_url: str
    mail_folder: str
    mail_from: str
    pg_dump: str
    metrics_bind: str
    log_format: str
    log_level: str


def set_defaults(defaults: Mapping[str, str], *, file: Path | None = None) -> None:
    """Fill in variables that the environment leaves open, from `file` first, then `defaults`.

    `file` holds `NAME=value` lines and need not exist. The values go into the environment itself,
    because the registry of shards reads its own variable there and child processes inherit them.
    """
    if file is not None and file.is_file():
        environ.Env.read_env(file)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def read_environment() -> Environment:
    """Read all variables.

    Raises:
        ImproperlyConfigured: a variable is missing or says what it cannot; the message has its
            name.
    """
    env = environ.Env()
    base_domain = env.str("ATOLL_BASE_DOMAIN", default="localhost")
    redis_url = env.str("ATOLL_REDIS_URL")
    https = _flag("ATOLL_HTTPS", env.str("ATOLL_HTTPS", default="True"))
    return Environment(
        secret_key=env.str("ATOLL_SECRET_KEY"),
        redis_url=redis_url,
        broker_url=env.str("ATOLL_BROKER_URL", default=_second_database(redis_url)),
        base_domain=base_domain,
        public_hosts=tuple(
            env.list("ATOLL_PUBLIC_HOSTS", default=[base_domain, f"www.{base_domain}"])
        ),
        console_hosts=tuple(env.list("ATOLL_CONSOLE_HOSTS", default=[f"console.{base_domain}"])),
        files_root=Path(env.str("ATOLL_FILES_ROOT", default=str(ROOT / "media"))),
        accel_prefix=env.str("ATOLL_ACCEL_PREFIX", default=""),
        static_root=Path(env.str("ATOLL_STATIC_ROOT", default=str(ROOT / "staticfiles"))),
        pool_size=_whole("ATOLL_POOL_SIZE", env.str("ATOLL_POOL_SIZE", default="8")),
        schemas_per_connection=_whole(
            "ATOLL_SCHEMAS_PER_CONNECTION",
            env.str("ATOLL_SCHEMAS_PER_CONNECTION", default="100"),
        ),
        process_groups=env.str("ATOLL_PROCESS_GROUPS", default=""),
        process_group=env.str("ATOLL_PROCESS_GROUP", default=""),
        server_limits=env.str("ATOLL_SERVER_LIMITS", default=""),
        connection_reserves=env.str("ATOLL_CONNECTION_RESERVES", default="own=5 mover=4 admin=3"),
        breakers=_flag("ATOLL_BREAKERS", env.str("ATOLL_BREAKERS", default="true")),
        probe_seconds=env.str("ATOLL_PROBE_SECONDS", default="0.25"),
        threads=_whole("ATOLL_THREADS", env.str("ATOLL_THREADS", default="8")),
        shard_slots=_whole_or_none("ATOLL_SHARD_SLOTS", env.str("ATOLL_SHARD_SLOTS", default="")),
        tenant_slots=_whole_or_none(
            "ATOLL_TENANT_SLOTS", env.str("ATOLL_TENANT_SLOTS", default="")
        ),
        plans=env.str("ATOLL_PLANS", default=""),
        processes=_whole(
            "ATOLL_PROCESSES",
            env.str("ATOLL_PROCESSES", default=env.str("WEB_CONCURRENCY", default="2")),
        ),
        https=https,
        behind_proxy=_flag("ATOLL_BEHIND_PROXY", env.str("ATOLL_BEHIND_PROXY", default="False")),
        hsts=timedelta(
            seconds=_whole("ATOLL_HSTS_SECONDS", env.str("ATOLL_HSTS_SECONDS", default="3600"))
        ),
        link_scheme=env.str("ATOLL_LINK_SCHEME", default="https" if https else "http"),
        link_port=env.str("ATOLL_LINK_PORT", default=""),
        mail_url=env.str("ATOLL_MAIL_URL", default="smtp://localhost:25"),
        mail_folder=env.str("ATOLL_MAIL_FOLDER", default=""),
        mail_from=env.str("ATOLL_MAIL_FROM", default=f"no-reply@{base_domain}"),
        pg_dump=env.str("ATOLL_PG_DUMP", default="pg_dump"),
        metrics_bind=_bind("ATOLL_METRICS_BIND", env.str("ATOLL_METRICS_BIND", default="")),
        log_format=_one_of(
            "ATOLL_LOG_FORMAT", env.str("ATOLL_LOG_FORMAT", default="json"), FORMATS
        ),
        log_level=_one_of("ATOLL_LOG_LEVEL", env.str("ATOLL_LOG_LEVEL", default="INFO"), LEVELS),
    )


def _whole(name: str, value: str) -> int:
    # No more digits than any of them makes sense with; what is larger overflows later, far away.
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number from 0 on.")
    return int(value)


def _whole_or_none(name: str, value: str) -> int | None:
    return _whole(name, value) if value else None


def _flag(name: str, value: str) -> bool:
    # Not as the library does it, for which every word that it does not know means no.
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}. Set it to true or false.")


def _bind(name: str, value: str) -> str:
    if value and not _BIND.fullmatch(value):
        raise ImproperlyConfigured(
            f"{name} is {value!r}. Set it to an address and a port, host:port."
        )
    return value


def _one_of(name: str, value: str, wanted: tuple[str, ...]) -> str:
    if value not in wanted:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to one of {', '.join(wanted)}.")
    return value


def _second_database(redis_url: str) -> str:
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        # The queues' library has a name of its own for the same thing.
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host=1"
    return urlunsplit(parts._replace(path="/1"))
