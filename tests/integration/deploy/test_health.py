"""What watches the process gets its answers, whatever else is away, and learns no secret."""

import json
import os
import signal
import time
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from redis import Redis

from config.observability.readiness import BELIEVED_S, Readiness, ReadinessProbe
from config.observability.redis_urls import client_options
from sharding.placements.services.listing import list_shards
from tests.fixtures.waiting import wait_for
from tests.integration.deploy.conftest import Gunicorn, Member, ask

HOSTS = ["127.0.0.1", "dock.localhost", "console.localhost", "nobody.example", "a b"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_any_host_and_any_address_is_answered(site, dock, host, path):
    answer = ask(site.port, path, host)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask(site.port, path, host, method="HEAD").body == b""


def test_other_paths_and_methods_are_the_applications(site, dock):
    assert ask(site.port, "/healthz/", "nobody.example").status == 404
    assert ask(site.port, "/healthz", dock.host, method="POST").status in {302, 403, 404}


WELL = {"alpha": "up", "beta": "up"}


def test_all_is_ready_when_all_answer_and_nothing_is_told_but_names(site):
    said = ask(site.port, "/readyz")
    assert said.json() == {
        "status": "ready",
        "control": True,
        "redis": True,
        "shards": WELL,
    }
    for secret in ("127.0.0.1", "password", "web"):
        assert secret not in said.text


@pytest.fixture
def lonely(stack_ready, tmp_path, styles):
    """A gunicorn of its own, which may see its servers go."""
    made = Gunicorn(stack_ready, tmp_path / "lonely", ATOLL_STATIC_ROOT=styles)
    yield made
    made.stop()


@pytest.fixture
def stranger(stack_ready, tmp_path, styles):
    """One whose Redis remembers nobody: a database that no other test uses."""
    server, _, _ = stack_ready.redis_url.rpartition("/")
    redis_url = f"{server}/13"
    made = Gunicorn(
        stack_ready, tmp_path / "stranger", ATOLL_STATIC_ROOT=styles, ATOLL_REDIS_URL=redis_url
    )
    yield made
    made.stop()
    with Redis(**client_options(redis_url)) as client:
        client.flushdb()


def readiness(site):
    time.sleep(BELIEVED_S)
    began = time.monotonic()
    answer = ask(site.port, "/readyz")
    assert time.monotonic() - began < 3
    return answer.status, answer.json()


@pytest.mark.slow
def test_with_one_server_after_the_other_away_it_is_degraded_and_ready_in_the_end(
    lonely, stack_ready, emery
):
    lonely.start()
    assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
    assert readiness(lonely) == (
        200,
        {"status": "ready", "control": True, "redis": True, "shards": WELL},
    )
    stack_ready.sigstop("alpha")
    try:
        status, told = readiness(lonely)
        assert (status, told["status"]) == (200, "degraded")
        assert told["shards"]["alpha"] in {"away", "open"}
        assert told["shards"]["beta"] == "up"
        assert ask(lonely.port, "/healthz").status == 200
        assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
        stack_ready.sigstop("beta")
        try:
            status, told = readiness(lonely)
            assert (status, told["status"]) == (200, "degraded"), "who else would say so?"
            assert "up" not in told["shards"].values()
            assert ask(lonely.port, "/healthz").status == 200
        finally:
            stack_ready.sigcont("beta")
    finally:
        stack_ready.sigcont("alpha")
    stack_ready.sigstop("control")
    try:
        status, told = readiness(lonely)
        assert (status, told["status"], told["control"]) == (200, "degraded", False)
    finally:
        stack_ready.sigcont("control")
    assert readiness(lonely)[1]["status"] == "ready"


@contextmanager
def no_connection_left(stack, shard):
    """Whoever is connected there stays, and nobody else gets in (53300)."""
    limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
    with psycopg.connect(stack.admin_conninfo(shard, "postgres"), autocommit=True) as admin:

        def allow(connections):
            for login in ("web", "own"):
                admin.execute(limit.format(sql.Identifier(login), connections))

        allow(0)
        try:
            yield
        finally:
            allow(-1)


def test_a_shard_that_has_no_connection_left_is_told_from_one_that_is_away(stack_ready):
    assert ReadinessProbe().report().shards == WELL
    with no_connection_left(stack_ready, "alpha"):
        report = ReadinessProbe().report()
        (line,) = list_shards(["alpha"])
    assert report.shards == {"alpha": "crowded", "beta": "up"}
    assert report.readiness is Readiness.DEGRADED
    assert line.problem.startswith("crowded: ")
    assert line.survey is None
    assert ReadinessProbe().report().shards == WELL


def test_asked_for_the_first_time_while_control_is_away_it_is_no_worse_than_if_asked_before(
    lonely, stack_ready, emery
):
    lonely.start()
    assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
    stack_ready.sigstop("control")
    try:
        status, told = readiness(lonely)
        assert (status, told["status"], told["control"]) == (200, "degraded", False)
        assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
    finally:
        stack_ready.sigcont("control")


def test_a_worker_that_takes_another_s_place_while_control_is_away_serves_whom_redis_remembers(
    lonely, stack_ready, emery
):
    lonely.start()
    assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
    stack_ready.sigstop("control")
    try:
        (worker,) = lonely.workers()
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: [pid for pid in lonely.workers() if pid != worker])
        wait_for(lambda: ask(lonely.port, "/healthz").status == 200)
        status, told = readiness(lonely)
        assert (status, told["status"], told["control"]) == (200, "degraded", False)
        assert ask(lonely.port, "/account/sign-in/", emery.host).status == 200
    finally:
        stack_ready.sigcont("control")


def test_begun_while_control_is_away_and_redis_knows_nobody_it_is_not_ready_until_control_is_back(
    stranger, stack_ready, emery
):
    stack_ready.sigstop("control")
    try:
        stranger.start()
        assert ask(stranger.port, "/healthz").status == 200
        status, told = readiness(stranger)
        assert (status, told["status"]) == (503, "unready")
        assert ask(stranger.port, "/account/sign-in/", emery.host).status == 503
    finally:
        stack_ready.sigcont("control")
    ready = {"status": "ready", "control": True, "redis": True, "shards": WELL}
    assert readiness(stranger) == (200, ready)


def test_with_https_a_check_over_plain_http_is_answered_and_not_redirected(site_of_https):
    assert ask(site_of_https.port, "/readyz").status == 200
    assert ask(site_of_https.port, "/", "www.localhost").status == 301, "negative control"


def test_the_log_of_health_checks_has_no_tenant(site):
    ask(site.port, "/healthz", "only-here.example")
    # It is written when the answer has gone out.
    (line,) = wait_for(
        lambda: [line for line in site.access_lines() if line.get("host") == "only-here.example"]
    )
    assert (line["path"], line["status"]) == ("/healthz", 200)
    assert "tenant" not in line
    assert json.dumps(line)


def test_members_are_served_beside_the_checks(site, dock):
    assert Member(site.port, dock).sign_in().get("/").status == 200
