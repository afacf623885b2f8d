"""Answers to programs that watch this one: /healthz, /readyz and /metrics.

Around everything: no host, directory, middleware or redirect stands before them. Whoever can reach
a site can ask the first two, so they tell nothing that has to be kept: names of shards, and no
address or reason; /metrics is answered only on the listener of ATOLL_METRICS_BIND, which nobody but
a scraper should reach.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from config.observability.exposition import CONTENT_TYPE, exposition
from config.observability.readiness import Readiness, ReadinessProbe, Report

LIVE_PATH: Final = "/healthz"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"

_probe: Final = ReadinessProbe()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: HTTPStatus
    content_type: str
    body: bytes

    @property
    def status_line(self) -> str:
        """As HTTP/1.1 writes it."""
        return f"{self.status.value} {self.status.phrase}"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All of them."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]


def live() -> Answer:
    """That the process answers; asks nobody."""
    return Answer(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")


def ready() -> Answer:
    """Whether it can serve, and which servers answer, by name; not where they are, nor why."""
    report = _probe.report()
    wanted = report.readiness is not Readiness.UNREADY
    return Answer(
        HTTPStatus.OK if wanted else HTTPStatus.SERVICE_UNAVAILABLE,
        "application/json",
        json.dumps(_told(report)).encode() + b"\n",
    )


def figures() -> Answer:
    """The page for a scraper."""
    return Answer(HTTPStatus.OK, CONTENT_TYPE, exposition())


def _told(report: Report) -> dict[str, Any]:
    return {
        "status": report.readiness.value,
        "control": report.control,
        "redis": report.redis,
        "shards": dict(report.shards),
    }


_ANSWERS: Final[dict[str, Callable[[], Answer]]] = {
    LIVE_PATH: live,
    READY_PATH: ready,
    METRICS_PATH: figures,
}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Probes:
    """A WSGI application around `application`."""

    def __init__(self, application: Application, *, metrics_bind: str = "") -> None:
        self._application = application
        self._metrics_port = port_of(metrics_bind)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a probe, or let the application answer."""
        answer = _ANSWERS.get(environ["PATH_INFO"])
        if answer is None or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self._application(environ, start_response)
        if answer is figures and not self._came_for_figures(environ):
            return self._application(environ, start_response)
        given = answer()
        start_response(given.status_line, given.headers)
        return [given.body if environ["REQUEST_METHOD"] == "GET" else b""]

    def _came_for_figures(self, environ: dict[str, Any]) -> bool:
        # The socket itself: SERVER_PORT may come from the Host header, which anybody writes.
        connection = environ.get("gunicorn.socket")
        if self._metrics_port is None or connection is None:
            return False
        address = connection.getsockname()
        return isinstance(address, tuple) and address[1] == self._metrics_port


def port_of(bind: str) -> int | None:
    """The port of `host:port`; None of an empty text."""
    return int(bind.rpartition(":")[2]) if bind else None
