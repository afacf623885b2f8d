"""What a scraper reads: true, of all workers together, and of no tenant."""

import os
import signal
import time
from pathlib import Path

import pytest

from config.observability.publishing import EVERY
from tests.integration.deploy.conftest import Gunicorn, Member, ask


def eventually(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def counted(stack_ready, styles, tmp_path_factory):
    """A gunicorn of three workers, for all tests that change nothing about it."""
    folder = tmp_path_factory.mktemp("counted")
    made = Gunicorn(stack_ready, folder, ATOLL_STATIC_ROOT=styles, WEB_CONCURRENCY="3")
    yield made.start()
    made.stop()


def requests_of(figures, shard, method="GET", status="2xx"):
    name = f'atoll_requests_total{{method="{method}",shard="{shard}",status="{status}"}}'
    return figures.get(name, 0)


def of_other_methods(figures):
    return sum(count for name, count in figures.items() if 'method="other"' in name)


def test_requests_are_counted_once_whichever_worker_answered_them(counted, dock, emery):
    before = counted.figures()

    def more(shard):
        return requests_of(counted.figures(), shard) - requests_of(before, shard)

    for tenant, times in ((dock, 12), (emery, 5)):
        for _ in range(times):
            assert ask(counted.port, "/account/sign-in/", tenant.host).status == 200
    ask(counted.port, "/no-such-page/", dock.host)
    ask(counted.port, "/", "www.localhost")
    ask(counted.port, "/", dock.host, method="BREW")
    eventually(lambda: more("alpha") == 12)
    eventually(lambda: more("beta") == 5)
    eventually(lambda: more("none") == 1)
    eventually(lambda: of_other_methods(counted.figures()) - of_other_methods(before) == 1)
    figures = counted.figures()
    for kind in ('count{shard="beta"}', 'bucket{le="+Inf",shard="beta"}'):
        name = f"atoll_request_seconds_{kind}"
        assert figures[name] - before.get(name, 0) == 5
    assert 0 < figures['atoll_request_seconds_sum{shard="beta"}'] < 60
    page = ask(counted.metrics_port, "/metrics").text
    for private in (
        dock.slug,
        emery.slug,
        dock.place.tenant_id,
        emery.place.tenant_id,
        "localhost",
    ):
        assert private not in page


def test_statements_and_pools_are_told_by_server(counted, dock):
    assert Member(counted.port, dock).sign_in().get("/").status == 200
    eventually(lambda: counted.figures().get('atoll_statements_total{server="alpha"}', 0) > 3)
    time.sleep(EVERY.total_seconds())
    figures = counted.figures()
    assert figures['atoll_statement_seconds_total{server="alpha"}'] > 0
    assert figures['atoll_statements_given_up_total{server="alpha"}'] == 0
    assert figures['atoll_pool_limit{server="alpha"}'] in {8, 16, 24}
    assert figures['atoll_pool_connections{server="alpha",state="idle"}'] >= 1
    assert figures['atoll_pool_waiting{server="alpha"}'] == 0
    assert figures["atoll_broker_up"] == 1
    assert figures['atoll_queue_waiting{queue="control"}'] == 0
    assert 'atoll_queue_waiting{queue="shard.beta"}' in figures


def test_what_a_killed_worker_counted_stays_what_it_held_goes_and_no_file_is_left_in_the_end(
    start, dock
):
    """Under a broker that is away: that is told, and stops nothing."""
    counted = start(WEB_CONCURRENCY="3", ATOLL_BROKER_URL="redis://127.0.0.1:1/1")
    figures = counted.figures()
    assert figures["atoll_broker_up"] == 0
    assert not [name for name in figures if name.startswith("atoll_queue_waiting")]
    assert ask(counted.port, "/account/sign-in/", dock.host).status == 200
    Member(counted.port, dock).sign_in()
    limit = 'atoll_pool_limit{server="alpha"}'
    eventually(lambda: counted.figures().get(limit, 0) > 0)
    time.sleep(EVERY.total_seconds())
    before = counted.figures()
    old = counted.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(set(counted.workers()) - set(old)) == 3)
    after = counted.figures()
    assert requests_of(after, "alpha") == requests_of(before, "alpha")
    assert after.get(limit, 0) == 0
    # The successors count on where they stood, in the same files.
    assert ask(counted.port, "/account/sign-in/", dock.host).status == 200
    eventually(lambda: requests_of(counted.figures(), "alpha") == requests_of(before, "alpha") + 1)
    folder = counted_folder(counted)
    # The master's own would be a fourth of each kind.
    assert len(list(folder.glob("counter_*"))) <= 4
    counted.stop()
    assert not folder.exists()


def counted_folder(site):
    said = "Figures are shared in "
    lines = [line["message"] for line in site.error_lines()]
    return Path(next(line.removeprefix(said) for line in lines if line.startswith(said)))


@pytest.mark.parametrize("host", ["dock.localhost", "www.localhost", "console.localhost", "x.y"])
def test_figures_are_told_at_their_own_listener_only(site, dock, host):
    assert ask(site.metrics_port, "/metrics", host).status == 200
    for spoofed in (host, f"{host}:{site.metrics_port}"):
        answer = ask(site.port, "/metrics", spoofed)
        assert answer.status != 200
        assert "atoll_requests" not in answer.text
