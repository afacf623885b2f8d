"""Which programs the demo consists of. Pure: nothing is started here."""

import sys
from pathlib import Path
from typing import Final

from devstack.demo.types import Demo, Program

ROOT: Final = Path(__file__).resolve().parents[3]
"""The folder that holds manage.py; all programs run in it."""

GRACE_SECONDS: Final = 5


LEADS_ELSEWHERE: Final = frozenset(
    {
        "ATOLL_REGISTRY",
        "ATOLL_REDIS_URL",
        "ATOLL_BROKER_URL",
        "ATOLL_DEVSTACK_DIR",
        "ATOLL_BIND",
        "DJANGO_SETTINGS_MODULE",
    }
)
"""Variables of the caller that must not reach the demo's programs: it has servers of its own."""


def plan_programs(demo: Demo, *, listener: int) -> list[Program]:
    """The web server on the socket `listener`, a worker per queue, and beat."""
    return [
        Program(
            "web",
            (
                *_python("gunicorn", "--config", "deploy/gunicorn.conf.py"),
                *("--graceful-timeout", str(GRACE_SECONDS), "--bind", f"fd://{listener}"),
                "config.wsgi",
            ),
            inherited=(listener,),
        ),
        *(_worker(f"worker {shard}", f"shard.{shard}") for shard in demo.shards),
        # A rebalance keeps one of its two processes as long as its moves last.
        _worker("worker control", "control"),
        Program(
            "beat",
            (
                *_celery("beat", "--loglevel", "INFO", "--pidfile="),
                *("--schedule", str(demo.folder / "beat-schedule")),
            ),
        ),
    ]


def plan_environment(
    folder: Path, *, secret: str, servers: dict[str, str], port: int
) -> dict[str, str]:
    """What the product reads: production's settings, but over plain HTTP on localhost."""
    return {
        **servers,
        "DJANGO_SETTINGS_MODULE": "config.settings.prod",
        "ATOLL_SECRET_KEY": secret,
        "ATOLL_HTTPS": "false",
        "ATOLL_LOG_FORMAT": "line",
        "ATOLL_BASE_DOMAIN": "localhost",
        "ATOLL_PUBLIC_HOSTS": "localhost,www.localhost",
        "ATOLL_CONSOLE_HOSTS": "console.localhost",
        "ATOLL_LINK_PORT": str(port),
        # No mail leaves this machine: the public host shows it.
        "ATOLL_MAIL_FOLDER": str(folder / "mail"),
        "ATOLL_FILES_ROOT": str(folder / "files"),
        "ATOLL_STATIC_ROOT": str(folder / "static"),
        # All servers and programs share one machine: who is slow there is busy, not away.
        "ATOLL_PROBE_SECONDS": "2",
        "PYTHONUNBUFFERED": "1",
        # The demo may run as root; Celery's advice for production would be said by each worker.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }


def bring_up() -> Program:
    """What starts and prepares the servers."""
    return Program("servers", manage("devstack", "up"))


def make_tenants() -> Program:
    """What makes the demo's tenants; it reads from its input which ones."""
    return Program("tenants", _python("devstack.demo.seed"))


def collect_styles() -> Program:
    """What puts the style sheets where the web server looks for them."""
    return Program("static", manage("collectstatic", "--no-input", "--verbosity", "0"))


def manage(*arguments: str) -> tuple[str, ...]:
    """The command line of a management command."""
    return (sys.executable, "manage.py", *arguments)


def _worker(label: str, queue: str) -> Program:
    # Gossip, mingle and heartbeat are for workers that watch each other; these do not.
    return Program(
        label,
        (
            *_celery("worker", "--loglevel", "INFO", "--queues", queue),
            *("--hostname", f"{queue}@%h", "--concurrency", "2"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
    )


def _celery(*arguments: str) -> tuple[str, ...]:
    return _python("celery", "--quiet", "--app", "config.celery_app", *arguments)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
