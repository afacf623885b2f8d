"""Figures of a Celery worker: the tasks that its processes have ended, at a listener of its own.

A worker answers no HTTP. Where ATOLL_METRICS_BIND is set for it, its main process does, /healthz
too; the others count into files that they share. Nothing here is imported, and nothing counted,
where it is not set.
"""

import atexit
import logging
import os
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from celery import signals

from config.observability.processes import SHARED_FOLDER

log = logging.getLogger(__name__)

_MEMORY: Final = Path("/dev/shm")
_BEGAN: Final = "atoll_began"


def install(bind: str) -> None:
    """Let the worker that is about to start count its tasks and hand the figures out at `bind`.

    Before its processes are forked, and before prometheus_client is imported, which looks for the
    folder then.
    """
    folder = tempfile.mkdtemp(prefix="atoll-figures-", dir=_MEMORY if _MEMORY.is_dir() else None)
    os.environ[SHARED_FOLDER] = folder
    atexit.register(_forget, folder, os.getpid())
    from config.observability.publishing import keep_publishing, stop_publishing

    # Celery keeps weak references unless told.
    signals.worker_process_init.connect(lambda **told: keep_publishing(), weak=False)
    signals.worker_process_shutdown.connect(lambda **told: stop_publishing(), weak=False)
    signals.task_prerun.connect(_begin, weak=False)
    signals.task_postrun.connect(_end, weak=False)
    signals.worker_ready.connect(lambda **told: _serve(bind), weak=False)


def _forget(folder: str, main: int) -> None:
    # Forked processes run it too, when they end in order.
    if os.getpid() == main:
        shutil.rmtree(folder, ignore_errors=True)


def _begin(task: Any, **told: Any) -> None:
    setattr(task.request, _BEGAN, perf_counter())


def _end(task: Any, state: str | None = None, **told: Any) -> None:
    from config.observability.metrics import TASK_SECONDS, TASKS

    queue = (task.request.delivery_info or {}).get("routing_key") or "none"
    began = getattr(task.request, _BEGAN, None)
    TASKS.labels(queue, (state or "unknown").lower()).inc()
    if began is not None:
        TASK_SECONDS.labels(queue).inc(perf_counter() - began)


def _serve(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), _Figures)
    except OSError as error:
        # Its tasks matter more than its figures.
        log.warning("No figures at %s: %s", bind, error)
        return
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="atoll figures page", daemon=True).start()


class _Figures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer a probe."""
        from config.observability.probes import LIVE_PATH, METRICS_PATH, figures, live

        answer = {LIVE_PATH: live, METRICS_PATH: figures}.get(self.path)
        if answer is None:
            self.send_error(404)
            return
        given = answer()
        self.send_response(given.status)
        for name, value in given.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(given.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Say nothing of scrapes."""
