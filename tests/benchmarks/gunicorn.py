"""Serving one system by gunicorn, with the product's own configuration file."""

from collections.abc import Mapping
from pathlib import Path

from tests.fixtures.web_servers import WebServer, gunicorn

WORKERS = 2
THREADS = 4
"""Of each worker: a few keep two CPUs busy, and each has connections of its own to warm."""


def serve(name: str, application: str, *, environment: Mapping[str, str], log: Path) -> WebServer:
    """A running gunicorn of one system: workers and threads as above, the rest the product's."""
    return gunicorn(
        name, application, workers=WORKERS, threads=THREADS, environment=environment, log=log
    )
