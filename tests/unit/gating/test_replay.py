"""Runs of a request: what each is given, what of it is sent, and when there is another."""

import asyncio
import io
import time

import pytest
from django.http import HttpRequest

from sharding.scope.latch import Latch
from tenants.gating.asgi import ReplayASGI
from tenants.gating.attempts import MOST_RUNS, Attempt, current_attempt, decide_to_run_again
from tenants.gating.body import MOST_KEPT, KeptBody
from tenants.gating.wsgi import ReplayWSGI
from tenants.replayable import replayable


class Response:
    """A WSGI response that knows whether it was closed."""

    def __init__(self, body):
        self.body = body
        self.closed = False

    def __iter__(self):
        return iter([self.body])

    def close(self):
        self.closed = True


class Application:
    """Meets a move in its first runs."""

    def __init__(self, moves, read=-1):
        self.moves = moves
        self.read = read
        self.runs = []
        self.responses = []

    def __call__(self, environ, start_response):
        attempt = current_attempt.get()
        body = environ["wsgi.input"].read(self.read if self.read >= 0 else 10**9)
        self.runs.append((dict(environ), body))
        environ["left.behind"] = len(self.runs)
        attempt.runs_again = attempt.can_begin_anew and len(self.runs) <= self.moves
        start_response(f"200 run {len(self.runs)}", [("X-Run", str(len(self.runs)))])
        self.responses.append(Response(b"body"))
        return self.responses[-1]


def asked(application, body=b"", **more):
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **more,
    }
    started = []
    response = ReplayWSGI(application)(environ, lambda *given: started.append(given))
    return started, response, environ


def test_each_run_is_given_what_came_from_the_server_and_only_the_last_is_sent():
    application = Application(moves=2)
    started, response, environ = asked(application, b"a body")
    assert [body for _, body in application.runs] == [b"a body"] * 3
    assert all("left.behind" not in given for given, _ in application.runs)
    assert started == [("200 run 3", [("X-Run", "3")])]
    assert [each.closed for each in application.responses] == [True, True, False]
    assert response is application.responses[-1]
    assert environ["left.behind"] == 3, "the server's log reads what the last run has said"
    assert current_attempt.get() is None


def test_a_body_of_which_a_run_read_a_part_is_whole_in_the_next():
    application = Application(moves=1, read=3)
    asked(application, b"a body")
    assert [body for _, body in application.runs] == [b"a b"] * 2


def test_a_body_that_is_too_long_to_keep_runs_once():
    application = Application(moves=1)
    asked(application, b"x" * (MOST_KEPT + 1))
    assert len(application.runs) == 1


def test_runs_come_to_an_end():
    application = Application(moves=10**6)
    asked(application)
    assert len(application.runs) == MOST_RUNS


def test_an_error_of_the_application_leaves_no_attempt():
    def fails(environ, start_response):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked(fails)
    assert current_attempt.get() is None


def test_lines_are_read_again_as_they_were():
    body = KeptBody(io.BytesIO(b"one\ntwo\nthree"))
    assert (body.readline(100), body.readline(2)) == (b"one\n", b"tw")
    body.rewind()
    lines = [body.readline(100) for _ in range(4)]
    assert lines == [b"one\n", b"two\n", b"three", b""]
    body.rewind()
    assert body.read(5) + body.read(100) == b"one\ntwo\nthree"
    assert body.is_kept


@pytest.mark.parametrize(
    ("method", "marked", "committed", "left", "again"),
    [
        ("GET", False, False, 5, True),
        ("HEAD", False, False, 5, True),
        ("GET", False, True, 5, False),
        ("GET", False, False, -1, False),
        ("POST", False, False, 5, False),
        ("POST", True, False, 5, True),
        ("POST", True, True, 5, False),
        ("DELETE", False, False, 5, False),
        ("OPTIONS", False, False, 5, False),
    ],
)
def test_what_runs_again(method, marked, committed, left, again):
    request = HttpRequest()
    request.method = method
    attempt = Attempt(ends=time.monotonic() + left, replayable=marked)
    before = current_attempt.set(attempt)
    try:
        decide_to_run_again(request, Latch(committed=committed))
    finally:
        current_attempt.reset(before)
    assert attempt.runs_again is again


def test_nothing_runs_again_where_nobody_could_run_it():
    request = HttpRequest()
    request.method = "GET"
    decide_to_run_again(request, Latch())
    attempt = Attempt(ends=time.monotonic() + 5, is_last=True)
    before = current_attempt.set(attempt)
    try:
        decide_to_run_again(request, Latch())
    finally:
        current_attempt.reset(before)
    assert not attempt.runs_again


def test_a_view_says_that_it_may_run_twice_and_stays_what_it_was():
    def view(request):
        return "answer"

    assert replayable(view) is view
    assert view.atoll_replayable is True


def over_asgi(moves, *parts):
    runs, sent = [], []

    async def application(scope, receive, send):
        attempt = current_attempt.get()
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        scope["left"] = "behind"
        runs.append(body)
        attempt.runs_again = attempt.can_begin_anew and len(runs) <= moves
        await send({"type": "http.response.start", "status": 200 + len(runs)})
        await send({"type": "http.response.body", "body": b""})

    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asked_for = {"type": "http", "method": "POST"}
    asyncio.run(ReplayASGI(application)(asked_for, receive, send))
    assert asked_for == {"type": "http", "method": "POST"}
    assert current_attempt.get() is None
    return runs, sent


def test_under_asgi_each_run_receives_the_body_anew_and_only_the_last_is_sent():
    runs, sent = over_asgi(2, b"a ", b"body")
    assert runs == [b"a body"] * 3
    assert [message.get("status") for message in sent] == [203, None]


def test_under_asgi_too_a_body_that_is_too_long_to_keep_runs_once():
    runs, sent = over_asgi(1, b"x" * MOST_KEPT, b"y")
    assert len(runs) == 1
    assert sent[0]["status"] == 201


def test_under_asgi_what_is_no_request_goes_through():
    seen = []

    async def application(scope, receive, send):
        seen.append((scope, current_attempt.get()))

    asyncio.run(ReplayASGI(application)({"type": "lifespan"}, None, None))
    assert seen == [({"type": "lifespan"}, None)]
