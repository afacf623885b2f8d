"""Log lines that programs read: one object a line, and nothing in it that is a secret."""

import json
import logging
import os
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from config.observability.access_log import access_line
from config.observability.handlers import SEEN
from config.observability.logs import JsonFormatter
from config.observability.request_ids import ID_KEY, RequestFields, id_of, request_id


def line_of(message="x", **more):
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "here", **more})
    RequestFields().filter(record)
    return JsonFormatter().format(record)


@pytest.mark.parametrize("message", ["two\nlines", 'a "quote"', "a\\b", "\x00\x1b[31m", "ü\u2028x"])
def test_a_line_is_one_object_whatever_was_said(message):
    line = line_of(message)
    assert "\n" not in line
    assert json.loads(line)["message"] == message


def test_a_line_knows_its_request_tenant_and_shard():
    before = request_id.set("abc-1")
    try:
        line = json.loads(line_of(tenant="t0aaaaaa", shard="alpha"))
    finally:
        request_id.reset(before)
    assert (line["request_id"], line["tenant"], line["shard"]) == ("abc-1", "t0aaaaaa", "alpha")
    assert line.keys() == {"at", "level", "logger", "message", "request_id", "tenant", "shard"}
    assert line["at"].endswith("Z")


def test_what_is_not_there_is_left_out():
    assert json.loads(line_of(tenant="-", shard="-")).keys() == {"at", "level", "logger", "message"}


def test_a_line_about_a_request_that_has_ended_still_has_its_id():
    request = SimpleNamespace(META={ID_KEY: "abc-2"})
    assert json.loads(line_of(request=request))["request_id"] == "abc-2"


def test_an_error_brings_its_traceback_in_the_same_line():
    try:
        raise ValueError("no\nway")
    except ValueError:
        line = line_of(exc_info=sys.exc_info())
    assert "ValueError: no\nway" in json.loads(line)["error"]
    assert "\n" not in line


def test_djangos_own_line_about_a_failed_request_tells_no_secret():
    request = RequestFactory().get("/account/reset/c0ffee/")
    request.resolver_match = SimpleNamespace(kwargs={"token": "c0ffee"}, route="account/<token>/")
    line = line_of("%s: %s", args=("Service Unavailable", request.path), request=request)
    assert json.loads(line)["message"] == "Service Unavailable: /account/<token>/"
    request.resolver_match = SimpleNamespace(kwargs={"pk": "7"}, route="tickets/<pk>/")
    line = line_of("%s: %s", args=("Not Found", request.path), request=request)
    assert json.loads(line)["message"] == "Not Found: /account/reset/c0ffee/", "negative control"


@pytest.mark.parametrize("given", ["a", "0af7651916cd43dd8448eb211c80319c", "A.b_c-1", "x" * 64])
def test_an_id_from_outside_is_kept(given):
    assert id_of(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "a b", "a\nb", 'a"b', "-", "ä", "a\x00", "../a"]
)
def test_an_id_that_could_do_harm_is_not(given):
    made = id_of(given)
    assert made != given
    assert id_of(made) == made
    assert made != id_of(given)


def test_no_two_processes_make_the_same_ids():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, id_of(None).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    theirs = os.read(reader, 100).decode()
    assert theirs.split("-")[0] != id_of(None).split("-")[0]
    os.close(reader)
    os.close(writer)


def environ(**more):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/tickets/", "REMOTE_ADDR": "10.0.0.9", **more}


def test_the_line_of_a_request_says_who_by_id_and_not_what_was_asked():
    seen = {SEEN: ("t0aaaaaa", "alpha", 7, None), ID_KEY: "abc-3"}
    line = access_line(
        SimpleNamespace(status="200 OK", sent=12),
        environ(QUERY_STRING="q=secret", HTTP_HOST="acme.example.org", **seen),
        timedelta(milliseconds=12.34),
    )
    assert line.pop("at")
    assert line == {
        "level": "INFO",
        "logger": "gunicorn.access",
        "request_id": "abc-3",
        "tenant": "t0aaaaaa",
        "shard": "alpha",
        "user": 7,
        "client": "10.0.0.9",
        "host": "acme.example.org",
        "method": "GET",
        "path": "/tickets/",
        "status": 200,
        "bytes": 12,
        "ms": 12.3,
    }


def test_the_path_of_a_link_that_lets_its_owner_in_is_not_told():
    seen = {SEEN: ("t0aaaaaa", "alpha", None, "/account/reset/<uidb64>/<token>/")}
    secret = environ(PATH_INFO="/account/reset/NA/c0ffee-secret/", **seen)
    line = access_line(SimpleNamespace(status=200, sent=1), secret, timedelta())
    assert line["path"] == "/account/reset/<uidb64>/<token>/"
    assert "secret" not in json.dumps(line)


def test_what_never_reached_the_application_is_told_as_well():
    line = access_line(SimpleNamespace(status="200 OK", sent=3), environ(), timedelta())
    assert line["path"] == "/tickets/"
    assert not {"tenant", "shard", "user", "request_id"} & line.keys()
