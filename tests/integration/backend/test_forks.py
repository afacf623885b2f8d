"""Real processes that fork with pools open: multiprocessing, gunicorn --preload, Celery prefork."""

import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery
from django.db import connection, connections, transaction

from devstack.ports import free_port
from sharding import scope
from sharding.registry import current as registry
from sharding.registry.toml_file import write_registry
from tests.fixtures.connections import forget_connections
from tests.integration.backend.forking import work
from tests.integration.backend.models import Author

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(grounds, tmp_path, monkeypatch):
    """For this process and its children: registry, tenants, settings."""
    write_registry(tmp_path / "registry.toml", registry.registry())
    tenants = json.dumps([dataclasses.asdict(place) for place in (grounds.a, grounds.b)])
    monkeypatch.setenv("FORKING_TENANTS", tenants)
    monkeypatch.setenv("FORKING_ANSWERS", str(tmp_path))
    return {
        **os.environ,
        "ATOLL_REGISTRY": str(tmp_path / "registry.toml"),
        "DJANGO_SETTINGS_MODULE": "tests.integration.backend.forking.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }


@contextmanager
def running(command, environment, log):
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition, log, seconds=45):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not in {seconds} s:\n{log.read_text()}")


def _child(queue, told):
    try:
        seen = work.who_am_i()
        queue.put((os.getpid(), seen, told))
    except BaseException as error:  # noqa: BLE001 - the parent shows it
        queue.put((os.getpid(), repr(error), told))
    finally:
        forget_connections()


@pytest.mark.parametrize("pool", [None, {"max_size": 2}], ids=["without pool", "with pool"])
def test_a_forked_child_has_its_own_connections_and_leaves_the_parents_alone(
    grounds, environment, settings, pool
):
    settings.ATOLL_POOL = pool
    wanted = [grounds.a.role, grounds.b.role] * 3
    assert work.who_am_i() == wanted
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    with scope.enter(grounds.a), transaction.atomic():
        Author.objects.create(name="in the parent's block")
        parents = connection.connection.info.backend_pid
        # The children are made while the parent's connection is in the middle of a transaction.
        scope.replace(None)
        children = [fork.Process(target=_child, args=(queue, number)) for number in range(2)]
        for child in children:
            child.start()
        answers = [queue.get(timeout=30) for _ in children]
        for child in children:
            child.join(timeout=30)
            assert child.exitcode == 0
        scope.replace(grounds.a)
        assert connection.connection.info.backend_pid == parents
        assert Author.objects.count() == 1
    assert [seen for _, seen, _ in answers] == [wanted, wanted]
    with scope.enter(grounds.a):
        assert Author.objects.get().name == "in the parent's block"
        connection.close()
    assert work.who_am_i() == wanted


def test_gunicorn_preloads_an_application_that_has_used_its_pool(grounds, environment, tmp_path):
    port = free_port()
    log = tmp_path / "gunicorn.log"
    command = [
        *(sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "2"),
        *("--worker-class", "gthread", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
        "tests.integration.backend.forking.wsgi:application",
    ]

    def ask():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    with running(command, environment, log) as process:
        wait_for(ask, log)
        answers = [ask() for _ in range(30)]
        assert None not in answers, log.read_text()
        pids = {answer["pid"] for answer in answers}
        assert process.pid not in pids
        assert {answer["before"]["pid"] for answer in answers} == {process.pid}
    wanted = [grounds.a.role, grounds.b.role] * 3
    assert all(answer["seen"] == wanted for answer in answers)
    assert all(answer["before"]["seen"] == wanted for answer in answers)


def test_celery_forks_a_worker_that_has_used_its_pool(grounds, environment, tmp_path, stack):
    log = tmp_path / "celery.log"
    environment["FORKING_BROKER"] = stack.redis_url.rsplit("/", 1)[0] + "/13"
    worker = [
        *(sys.executable, "-m", "celery", "-A", "tests.integration.backend.forking.tasks"),
        *("worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "warning"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    with (
        running(worker, environment, log) as process,
        Celery("sender", broker=environment["FORKING_BROKER"], set_as_current=False) as sender,
    ):
        for number in range(12):
            sender.send_task("forking.look", (number,), ignore_result=True)
        files = [tmp_path / f"{number}.json" for number in range(12)]
        wait_for(lambda: all(file.exists() for file in files), log)
        answers = [json.loads(file.read_text()) for file in files]
        pids = {answer["pid"] for answer in answers}
        assert process.pid not in pids
        assert {answer["before"]["pid"] for answer in answers} == {process.pid}
    wanted = [grounds.a.role, grounds.b.role] * 3
    assert all(answer["seen"] == wanted for answer in answers)


@pytest.mark.direct("the number of a session is PgBouncer's there")
def test_negative_control_without_the_hook_a_child_speaks_on_the_parents_socket(
    grounds, environment, monkeypatch
):
    monkeypatch.setattr("sharding.backend.forks.connections", object())
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    with scope.enter(grounds.a):
        Author.objects.count()
        parents = connection.connection.info.backend_pid
        child = fork.Process(target=_pid_child, args=(queue,))
        child.start()
        assert queue.get(timeout=30) == parents
        child.join(timeout=30)
        connections["alpha"].close()


def _pid_child(queue):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        queue.put(cursor.fetchone()[0])
    queue.close()
    queue.join_thread()
    os._exit(0)
