"""Real workers on the real broker: asked on commit, killed at work, found again by the sweep."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings

from config.celery_app import app
from sharding import scope
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tenants.outbox.models import Message
from tenants.outbox.services import asking
from tenants.outbox.tasks import sweep_outboxes
from tests.scenarios.outbox.topic_of_worker import TOPIC


@pytest.fixture
def start_worker(stack_ready, tmp_path):
    """Starts workers of shard alpha, with the topic; kills what is left of them."""
    started = []

    def start():
        log = tmp_path / f"worker{len(started)}"
        command = [sys.executable, "-m", "celery", "-A", "config.celery_app", "worker"]
        command += ["-I", "tests.scenarios.outbox.topic_of_worker", "-Q", "shard.alpha"]
        command += ["-P", "solo", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with log.open("wb") as out:
            worker = subprocess.Popen(command, stdout=out, stderr=out)
        started.append(worker)
        wait_for(lambda: b"ready." in log.read_bytes(), log, 60)
        return worker

    before = app.conf.broker_url
    lead_celery_to(settings.CELERY_BROKER_URL)
    asking.forget()
    yield start
    for worker in started:
        worker.kill()
        worker.wait()
    lead_celery_to(before)


def lead_celery_to(url):
    app.conf.broker_url = url
    # Celery's own way to forget connections that lead elsewhere.
    app._after_fork()


def test_a_worker_that_is_killed_at_work_loses_nothing(fig, gum, tell, start_worker, tmp_path):
    told = tmp_path / "told"
    worker = start_worker()
    tell(fig, {"file": str(told), "text": "one"}, topic=TOPIC)
    wait_for(lambda: texts(told) == ["one"], told)
    tell(
        fig,
        {"file": str(told), "text": "two", "stop": True},
        {"file": str(told), "text": "three"},
        topic=TOPIC,
    )
    wait_for(lambda: texts(told) == ["one", "two"], told)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    start_worker()
    # Beat's part. The server may take some seconds to say in its statistics what it holds.
    with own_connection(addresses.shard(fig.shard)) as own:
        own.execute(f"ANALYZE {fig.schema}.outbox_message")
    sweep_outboxes.apply()
    wait_for(lambda: texts(told) == ["one", "two", "two", "three"], told)
    with scope.enter(fig):
        wait_for(lambda: not Message.objects.exists(), told)


def texts(told):
    return told.read_text(encoding="utf-8").split() if told.exists() else []


def wait_for(truth, log, seconds=30):
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "nothing told"
        time.sleep(0.05)
