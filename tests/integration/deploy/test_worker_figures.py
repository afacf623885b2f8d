"""A worker tells what became of its tasks."""

import subprocess
import sys
import time
from contextlib import suppress

import pytest

from config import env
from config.celery_app import app
from tests.integration.deploy.conftest import Gunicorn, ask

TASK = "console.tasks.purge_control"


@pytest.fixture
def worker(stack_ready, tmp_path):
    """A worker of a queue that nobody else takes from, and the way to send to it."""
    like = Gunicorn(stack_ready, tmp_path)
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (
                *(sys.executable, "-m", "celery", "-A", "config.celery_app", "worker"),
                *("-Q", "figures", "-n", "figures@%h", "--concurrency", "2", "--pool", "prefork"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ),
            cwd=env.ROOT,
            env=like.environment,
            stdout=output,
            stderr=output,
        )
    yield like, log
    process.terminate()
    process.wait(30)


def test_tasks_are_counted_by_queue_and_end_and_told_at_the_workers_own_listener(
    worker, stack_ready
):
    like, log = worker
    broker = stack_ready.redis_url.replace("/0", "/1")
    with app.connection_for_write(url=broker) as connection:
        for name in (TASK, TASK, "no.such.task"):
            app.send_task(name, queue="figures", connection=connection, router=None)
        deadline = time.monotonic() + 60
        done = 'atoll_tasks_total{queue="figures",state="success"}'
        found = {}
        asked = 'atoll_statements_total{server="control"}'
        while found.get(done, 0) < 2 or not found.get(asked):
            assert time.monotonic() < deadline, log.read_text()
            with suppress(OSError):
                found = like.figures()
            time.sleep(0.3)
    assert found[done] == 2
    assert found['atoll_task_seconds_total{queue="figures"}'] > 0
    assert ask(like.metrics_port, "/healthz").status == 200
    assert ask(like.metrics_port, "/anything").status == 404
