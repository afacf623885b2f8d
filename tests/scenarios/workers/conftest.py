"""A worker of each queue, in processes of their own, whose servers can fail in any way."""

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from config.celery_app import app
from sharding.registry.current import ENVIRONMENT_VARIABLE
from sharding.registry.toml_file import write_registry
from tests.fixtures.queues import lead_celery_to
from tests.fixtures.waiting import wait_for
from tests.integration.tenants.conftest import ann, bob, cyd, groups, tenants

__all__ = ["ann", "bob", "cyd", "groups", "tenants"]

QUEUES = ("shard.alpha", "shard.beta", "control")


@pytest.fixture
def workers(groups, faulty, tmp_path):
    """The logs of the workers, by queue."""
    write_registry(tmp_path / "registry.toml", faulty.registry)
    before = app.conf.broker_url
    lead_celery_to(settings.CELERY_BROKER_URL)
    started = {}
    for queue in QUEUES:
        log = tmp_path / queue
        command = [sys.executable, "-m", "celery", "-A", "config.celery_app", "worker"]
        command += ["-l", "INFO", "-c", "2", "-Q", queue, "-n", f"{queue}@tests"]
        command += ["-I", "tests.integration.tenants.tasks_of_tests"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with log.open("wb") as out:
            started[log] = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                env={
                    **os.environ,
                    ENVIRONMENT_VARIABLE: str(tmp_path / "registry.toml"),
                    # Well below the two seconds by which a slow server is late.
                    "ATOLL_PROBE_SECONDS": "1",
                    "DJANGO_SETTINGS_MODULE": "tests.integration.tenants.worker_settings",
                },
                start_new_session=True,
            )
    for log in started:
        wait_for(lambda log=log: b"ready." in log.read_bytes(), log=log, seconds=60)
    yield {log.name: log for log in started}
    for process in started.values():
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lead_celery_to(before)
