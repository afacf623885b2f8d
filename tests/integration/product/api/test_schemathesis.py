"""Schemathesis plays with the API by its own document, over a socket to the WSGI application.

What it finds is a server error, an answer that the document does not tell of, a request that was
refused although the document allows it, or one that was fulfilled although it does not.

It is imported where it is used: that takes seconds, and every process of the suite reads this file.
"""

from collections import Counter
from contextlib import contextmanager
from threading import Thread

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from tests.integration.product.api.conftest import ROOT

# Bounded by what is tried and not by time, so that a slow machine finds the same.
SHORT = {
    "generation": {"max-examples": 6, "deterministic": True},
    "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
}
OPERATIONS = 6
# What is no id there is another address (test_problems.py).
ONLY_AN_ID = {"GET /api/v1/tickets/{ticket_id}"}
LONG = {"max-time": 180, "generation": {"max-examples": 300}}


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(application):
    """Behind Django's own server; each request's thread closes what it opened."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize("how", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_the_api_does_what_its_document_says(gorse, program, settings, how):
    from schemathesis.engine import StopReason

    settings.ATOLL_API_PER_MINUTE = 1_000_000
    agent = program(gorse)
    for number in range(3):
        agent.post("/tickets", {"title": f"One to play with {number}"})
    with served(get_wsgi_application()) as server:
        found = play(server, gorse.host, agent.token, how)
    assert found.checks > 200
    operations = {label for label, _ in found.sent}
    assert len(operations) == OPERATIONS
    for label in operations:
        assert found.sent[label, "positive"] > 0, label
        assert found.sent[label, "negative"] > 0 or label in ONLY_AN_ID, label
    assert found.stopped in (StopReason.COMPLETED, StopReason.MAX_TIME)
    assert not found.errors, "\n".join(found.errors)
    assert not found.failures, "\n\n".join(found.failures)


def test_an_answer_that_the_document_does_not_tell_of_is_found(gorse, program):
    product = get_wsgi_application()

    def application(environ, start_response):
        def start(status, headers, *more):
            return start_response(status.replace("201 Created", "202 Accepted"), headers, *more)

        return product(environ, start)

    with served(application) as server:
        found = play(server, gorse.host, program(gorse).token, SHORT, only="create_ticket")
    assert any("Undocumented status code: Received: 202" in failure for failure in found.failures)


class Found:
    def __init__(self):
        self.checks = 0
        # By operation, and whether what was sent is as the document wants it.
        self.sent = Counter()
        self.failures = []
        self.errors = []
        self.stopped = None


def play(server, host, token, how, only=None):
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    address = f"http://127.0.0.1:{server.server_port}"
    headers = {"Authorization": f"Bearer {token}", "Host": host}
    made = SchemathesisConfig.from_dict(
        {
            **how,
            "base-url": address,
            "headers": headers,
            "workers": 1,
            "suppress-health-check": ["all"],
        }
    )
    schema = schemathesis.openapi.from_url(
        f"{address}{ROOT}/openapi.json", config=made, headers=headers
    )
    if only:
        schema = schema.include(operation_id=only)
    found = Found()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                note(event.recorder, found)
            case events.NonFatalError() | events.FatalError():
                found.errors.append(repr(getattr(event, "value", None) or event.exception))
            case events.EngineFinished():
                found.stopped = event.stop_reason
    return found


def note(recorder, found):
    for node in recorder.cases.values():
        if (about := node.value.meta) is not None:
            found.sent[node.value.operation.label, about.generation.mode.value] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            found.checks += 1
            if check.failure_info is not None:
                case = recorder.cases[case_id].value
                failure = check.failure_info.failure
                found.failures.append(
                    f"{failure.title}: {failure.message}\n{case.as_curl_command()}"
                )
