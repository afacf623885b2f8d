"""What a Redis client is told, from either form of an address."""

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

PATIENCE_S: Final = 0.5
_QUEUES_OWN: Final = "redis+socket"


def client_options(url: str) -> dict[str, Any]:
    """Keyword arguments of `redis.Redis` for an address of Redis; its waits end soon.

    Understands Celery's own form of a unix socket as well: `redis+socket:///path?virtual_host=1`.
    """
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found: dict[str, Any] = {
        "username": parts.username,
        "password": parts.password,
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
    }
    if parts.scheme in {"unix", _QUEUES_OWN}:
        return {
            **found,
            "unix_socket_path": parts.path,
            "db": int(asked.get("db", asked.get("virtual_host", "0"))),
        }
    return {
        **found,
        "host": parts.hostname or "localhost",
        "port": parts.port or 6379,
        "db": int(parts.path.strip("/") or asked.get("db", "0")),
        "ssl": parts.scheme == "rediss",
    }


def database_of(url: str) -> tuple[str, int]:
    """Which database of which server an address leads to, to tell whether two are the same."""
    options = client_options(url)
    if "unix_socket_path" in options:
        return options["unix_socket_path"], options["db"]
    return f"{options['host']}:{options['port']}", options["db"]
