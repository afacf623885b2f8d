"""Around a WSGI application: a request that met its tenant's move begins again where it is then."""

from collections.abc import Callable, Iterable
from typing import Any

from tenants.gating.attempts import MOST_RUNS, Attempt, current_attempt, fresh_end
from tenants.gating.body import KeptBody

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ReplayWSGI:
    """Runs `application` until a run has not met a move, or may not begin anew.

    Whether it may is decided within (`decide_to_run_again`). Each run gets the environ and the body
    as they came from the server. Nothing of a run is sent before it is known that it stands.

    application: has started its response when it returns, as Django's handler has.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        raw = environ.copy()
        body = _kept_body(environ)
        ends = fresh_end()
        before = current_attempt.get()
        try:
            for run in range(1, MOST_RUNS + 1):
                if body is not None:
                    environ["wsgi.input"] = body
                attempt = Attempt(ends=ends, is_last=run == MOST_RUNS, body=body)
                current_attempt.set(attempt)
                started = _Started()
                response = self._application(environ, started)
                if not attempt.runs_again:
                    break
                _close(response)
                # The same object: the server reads from it what its log shall say.
                environ.clear()
                environ.update(raw)
                if body is not None:
                    body.rewind()
        finally:
            current_attempt.set(before)
        start_response(*started.arguments)
        return response


class _Started:
    """A `start_response` that only remembers."""

    arguments: tuple[Any, ...] = ()

    def __call__(self, *arguments: Any) -> Callable[[bytes], None]:
        self.arguments = arguments
        return _refuse


def _refuse(part: bytes) -> None:
    raise NotImplementedError("Nothing is sent before the request has come to its end.")


def _kept_body(environ: Environ) -> KeptBody | None:
    """Something to keep it in, where there is a body that Django would read."""
    if environ.get("CONTENT_LENGTH") in (None, "", "0"):
        return None
    return KeptBody(environ["wsgi.input"])


def _close(response: Iterable[bytes]) -> None:
    close = getattr(response, "close", None)
    if close is not None:
        close()
