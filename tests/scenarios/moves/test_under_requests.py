"""A tenant goes back and forth under real requests, by moves of both modes; a client counts.

What was answered with success is there once: rows, files, sessions, effects outside of the
database, tickets by the API. What was refused, with 503 and Retry-After, is there once at most.
"""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.models import User
from accounts.services.api_tokens import issue_token
from sharding.moves.core.steps import Mode
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.placements.models import Process
from tests.fixtures.waiting import wait_for
from tests.fixtures.web_servers import gunicorn, uvicorn
from tests.integration.moves.conftest import settled
from tests.scenarios.moves.views import RECORDER
from workspace.models import Ticket

FORM = "application/x-www-form-urlencoded"
KINDS = ("writes", "keeps_a_session", "takes_a_file", "commits_twice", "reads", "api")


class Clients:
    """One client of each kind asks without a pause until the block ends."""

    def __init__(self, port, host, token):
        self.port, self.host, self.token = port, host, token
        self.statuses = Counter()
        self.acked = {kind: [] for kind in KINDS}
        self.seen = []
        self.slowest = 0.0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(kind,)) for kind in KINDS]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kind):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookie = ""
        for turn in itertools.count():
            if self._over.is_set():
                break
            name = f"{kind} {turn}"
            method, path, body, headers = self._request(kind, name)
            began = time.monotonic()
            connection.request(method, path, body, {**headers, "Cookie": cookie})
            answer = connection.getresponse()
            content = answer.read()
            cookie = (answer.headers["Set-Cookie"] or cookie).partition(";")[0]
            with self._lock:
                self.statuses[kind, answer.status] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if answer.status in (200, 201):
                    self.acked[kind].append(name)
                    if kind == "keeps_a_session":
                        self.seen.append(json.loads(content)["seen"])
                else:
                    assert answer.headers["Retry-After"], (kind, answer.status, content)
            time.sleep(0.005)
        connection.close()

    def _request(self, kind, name):
        headers = {"Host": self.host, "Content-Type": FORM}
        match kind:
            case "reads":
                return "GET", "/reads/", None, headers
            case "takes_a_file":
                data = {"file": Upload(name)}
                headers["Content-Type"] = MULTIPART_CONTENT
                return "POST", "/takes_a_file/", encode_multipart(BOUNDARY, data), headers
            case "api":
                headers |= {
                    "Content-Type": "application/json",
                    "Authorization": f"Bearer {self.token}",
                }
                return "POST", "/api/v1/tickets", json.dumps({"title": name}), headers
            case _:
                return "POST", f"/{kind}/", urlencode({"name": name}), headers


class Upload:
    """A file of 10 kB."""

    content_type = "text/plain"

    def __init__(self, name):
        self.name = name

    def read(self):
        return b"x" * 10_000


@pytest.fixture(scope="module")
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def recorder(tmp_path):
    return tmp_path / "effects"


@pytest.fixture(params=["gthread", "asgi"])
def server(request, tenant, tmp_path, recorder):
    Process.objects.using("control").all().delete()
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.scenarios.moves.server_settings",
        "ATOLL_POOL_SIZE": "16",
        "ATOLL_GRACEFUL_SECONDS": "1",
        RECORDER: str(recorder),
    }
    log = tmp_path / "log"
    if request.param == "gthread":
        started = gunicorn(
            "g", "config.wsgi", workers=2, threads=16, environment=environment, log=log
        )
    else:
        started = uvicorn(
            "a", "config.asgi:application", workers=2, environment=environment, log=log
        )
    try:
        started.wait_until_it_serves("/reads/", tenant.host)
        yield started
    finally:
        started.stop(within=10)


@pytest.fixture
def token(tenant):
    with tenant.scope():
        return issue_token(User.objects.get(), "moves", None)[1]


def in_blocks(tenant):
    """There and back, each a move of its own."""
    for _ in range(4):
        assert move_tenant(tenant.request()).verified
        yield


def over_streams(tenant):
    """A move, its rollback, the rollback of that, and the end of its soak."""
    there = move_tenant(tenant.request(mode=Mode.LOGICAL))
    assert (there.state, bool(there.verified)) == ("soaking", True)
    yield
    for _ in range(2):
        back = rollback_move(str(there.move_id))
        assert (back.state, bool(back.verified)) == ("soaking", True)
        yield
    assert finish_move(str(there.move_id)).state == "done"
    yield


@pytest.mark.slow
@pytest.mark.parametrize("goes", [in_blocks, over_streams])
def test_whatever_was_answered_is_there_once(tenant, server, token, recorder, goes):
    live = Process.objects.using("control")
    with tenant.scope():
        Group.objects.all().delete()
        Ticket.objects.all().delete()
    with Clients(server.port, tenant.host, token) as clients:
        wait_for(lambda: live.exists() and all(len(one) > 5 for one in clients.acked.values()))
        for _ in goes(tenant):
            told = sum(map(len, clients.acked.values()))
            wait_for(lambda t=told: sum(map(len, clients.acked.values())) > t + 20)
    settled(tenant, on=tenant.shard)
    assert {status for _, status in clients.statuses} <= {200, 201, 503}
    with tenant.scope():
        names = Counter(Group.objects.values_list("name", flat=True))
        titles = Counter(Ticket.objects.values_list("title", flat=True))
    assert set(names.values()) <= {1}
    assert set(titles.values()) <= {1}
    assert set(clients.acked["writes"]) <= names.keys()
    assert {f"{name} 10000" for name in clients.acked["takes_a_file"]} <= names.keys()
    both = {f"{n} {half}" for n in clients.acked["commits_twice"] for half in ("first", "second")}
    assert both <= names.keys()
    assert set(clients.acked["api"]) <= titles.keys()
    effects = Counter(recorder.read_text().splitlines())
    assert set(effects.values()) == {1}
    assert set(clients.acked["writes"]) <= effects.keys() <= names.keys()
    # A session's number grows by one for each answer; by one more for each that was refused.
    assert clients.seen == sorted(set(clients.seen))
    refused = clients.statuses["keeps_a_session", 503]
    assert clients.seen[-1] - len(clients.seen) <= refused
