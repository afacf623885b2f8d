"""Uses database and pool while it is imported: with --preload, before gunicorn forks."""

import json
import os

import django

django.setup()

from tests.integration.backend.forking.work import who_am_i  # noqa: E402

BEFORE_FORK = {"pid": os.getpid(), "seen": who_am_i()}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    answer = {"pid": os.getpid(), "seen": who_am_i(), "before": BEFORE_FORK}
    return [json.dumps(answer).encode()]
