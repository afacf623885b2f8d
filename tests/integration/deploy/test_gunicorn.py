"""deploy/gunicorn.conf.py: one load of the code, connections of each worker's own, calm ends."""

import http.client
import os
import runpy
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from tests.integration.deploy.conftest import CONFIGURATION, Member, ask

SLOW = "tests.integration.deploy.slow_wsgi"


def read_configuration(monkeypatch, **environment):
    for name in ("ATOLL_BIND", "ATOLL_METRICS_BIND", "WEB_CONCURRENCY", "ATOLL_BEHIND_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(CONFIGURATION))


def test_what_nobody_says_is_sane_and_what_the_environment_says_is_taken(monkeypatch):
    read = read_configuration(monkeypatch)
    assert (read["bind"], read["workers"], read["threads"]) == (["127.0.0.1:8000"], 2, 8)
    assert read["preload_app"] is True
    assert 0 < read["max_requests_jitter"] < read["max_requests"]
    assert read["graceful_timeout"] < read["timeout"]
    assert read["forwarded_allow_ips"] == ""
    read = read_configuration(
        monkeypatch,
        ATOLL_BIND="0.0.0.0:8080",
        WEB_CONCURRENCY="5",
        ATOLL_THREADS="3",
        ATOLL_MAX_REQUESTS="100",
        ATOLL_TRUSTED_PROXIES="10.0.0.7",
        ATOLL_BEHIND_PROXY="true",
    )
    assert (read["bind"], read["workers"], read["threads"]) == (["0.0.0.0:8080"], 5, 3)
    assert (read["max_requests"], read["max_requests_jitter"]) == (100, 10)
    assert read["forwarded_allow_ips"] == "10.0.0.7"


def status_of(port, *lines):
    """What a request of just these lines is answered with, and in which words."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    return int(answer.split()[1]), answer.decode("latin-1")


def test_a_request_that_names_two_hosts_or_an_endless_one_is_no_tenants(site, dock, emery):
    ask_for = "GET /account/sign-in/ HTTP/1.1"
    assert status_of(site.port, ask_for, f"Host: {dock.host}")[0] == 200
    for one, other in ((dock, emery), (emery, dock), (dock, dock)):
        status, said = status_of(site.port, ask_for, f"Host: {one.host}", f"Host: {other.host}")
        assert status == 400
        for tenant in (dock, emery):
            assert tenant.slug not in said.lower()
    refused = [line for line in site.access_lines() if "path" not in line]
    assert [line["status"] for line in refused] == [400] * 3
    for endless in ("x" * 5_000, "x" * 50_000):
        status, said = status_of(site.port, ask_for, f"Host: {endless}.{dock.host}")
        assert status in {400, 431}
        assert "xxxx" not in said


def ports_of(stack):
    registry = stack.registry()
    return {each.pooled.port for each in (registry.control, *registry.shards.values())}


def sockets_to(ports, pid):
    return {
        each.laddr
        for each in psutil.Process(pid).net_connections("tcp")
        if each.raddr and each.raddr.port in ports
    }


def test_the_code_is_loaded_once_and_each_worker_opens_connections_of_its_own(
    start, stack_ready, dock, emery
):
    site = start(WEB_CONCURRENCY="2")
    ports = ports_of(stack_ready)
    assert sockets_to(ports, site.pid) == set(), "nothing is asked before the fork"
    pids = site.workers()
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while not all(sockets_to(ports, pid) for pid in pids):
        assert time.monotonic() < deadline, "both workers have answered by now"
        for tenant in (dock, emery):
            assert ask(site.port, "/account/sign-in/", tenant.host).status == 200
        Member(site.port, dock).sign_in()
    first, second = (sockets_to(ports, pid) for pid in pids)
    assert first.isdisjoint(second)
    assert sockets_to(ports, site.pid) == set()


def test_what_runs_when_it_is_told_to_stop_is_answered_and_nothing_new_is_taken(start):
    site = start(application=SLOW)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(ask, site.port, "/slow?2")
        time.sleep(0.5)
        began = time.monotonic()
        site.terminate()
        answer = slow.result()
        assert answer.status == 200
        assert time.monotonic() - began > 1, "it was still running"
    assert site.wait() == 0
    assert time.monotonic() - began < 8
    with pytest.raises(OSError):
        ask(site.port, "/healthz", timeout=2)


@pytest.mark.slow
def test_what_runs_longer_than_the_grace_is_cut_off(start):
    site = start(application=SLOW, ATOLL_GRACEFUL_SECONDS="1")
    failed = threading.Event()

    def wait_for_it():
        try:
            ask(site.port, "/slow?15")
        except (OSError, http.client.HTTPException):
            failed.set()

    asking = threading.Thread(target=wait_for_it)
    asking.start()
    time.sleep(0.5)
    began = time.monotonic()
    site.terminate()
    site.wait(12)
    assert time.monotonic() - began < 10
    asking.join(10)
    assert failed.is_set()


def test_workers_are_replaced_in_time_and_no_request_fails_meanwhile(start):
    site = start(application=SLOW, WEB_CONCURRENCY="2", ATOLL_MAX_REQUESTS="20")
    before = set(site.workers())
    seen = set()
    for _ in range(120):
        answer = ask(site.port, "/slow?0")
        assert answer.status == 200
        seen.add(int(answer.text))
    assert len(seen) >= 4, "about every twentieth request ends a worker"
    assert not seen <= before


def test_a_worker_that_is_killed_is_replaced_and_the_other_goes_on(start):
    site = start(application=SLOW, WEB_CONCURRENCY="2")
    one, other = site.workers()
    os.kill(one, signal.SIGKILL)
    for _ in range(10):
        with suppress(ConnectionResetError):
            assert ask(site.port, "/slow?0").status == 200
    deadline = time.monotonic() + 10
    while len(site.workers()) < 2 or one in site.workers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert other in site.workers()


def test_https_at_a_front_server_is_believed_only_where_it_is_said_to_stand(start, site_of_https):
    behind = start(ATOLL_HTTPS="true", ATOLL_BEHIND_PROXY="true")
    said = {"X-Forwarded-Proto": "https"}
    assert ask(behind.port, "/", "www.localhost", headers=said).status == 200
    assert ask(behind.port, "/", "www.localhost").status == 301
    assert ask(site_of_https.port, "/", "www.localhost", headers=said).status == 301
