"""A rebalance through a real Celery worker of the queue `control`, and beat."""

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from config.celery_app import app
from sharding.moves.control_points import VARIABLE
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.services import job
from sharding.rebalance.services.planning import look
from sharding.rebalance.services.wishes import pin_tenant
from sharding.rebalance.states import RebalanceState, StepState
from tests.fixtures.queues import lead_celery_to
from tests.fixtures.waiting import wait_for
from tests.integration.moves.conftest import settled

pytestmark = pytest.mark.slow

CONTROL = "control"


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings, stack_ready):
    settings.ATOLL_REBALANCE_ENTER = 1
    settings.ATOLL_REBALANCE_LEAVE = 1
    settings.ATOLL_REBALANCE_FLOOR = 1
    before = app.conf.broker_url
    lead_celery_to(django_settings.CELERY_BROKER_URL)
    app.control.purge()
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).all().delete()
    yield
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).all().delete()
    app.control.purge()
    lead_celery_to(before)


@pytest.fixture
def celery(tmp_path):
    """Starts a program of Celery, in a group of its own; what is left is killed at the end."""
    started = []

    def start(*words, point=""):
        log = tmp_path / f"{len(started)}-{words[0]}.log"
        frozen = {VARIABLE: f"{tmp_path}:{point}"} if point else {}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config.celery_app", *words],
                stdout=out,
                stderr=out,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "tests.scenarios.rebalance.worker_settings",
                    **frozen,
                },
                start_new_session=True,
            )
        started.append(process)
        process.log = log
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    """Its children with it, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def worker(celery, name, **more):
    process = celery(
        *("worker", "-l", "INFO", "-c", "1", "-Q", "control", "-n", f"{name}@tests"),
        *("-I", "tests.scenarios.rebalance.patient"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        **more,
    )
    wait_for(lambda: b"ready." in process.log.read_bytes(), log=process.log, seconds=120)
    return process


def beat(celery, tmp_path):
    return celery("beat", "-l", "INFO", "--pidfile=", "--schedule", str(tmp_path / "schedule"))


def state():
    return Rebalance.objects.using(CONTROL).get().state


def test_the_command_has_a_worker_do_it_and_follows_it_to_its_end(new_tenant, celery, capsys):
    tenant = new_tenant()
    pin_tenant(tenant.id, to="beta")
    at_work = worker(celery, "one")
    call_command("rebalance_shards", "--yes", "--max-moves", "1")
    assert "is done: done 1" in capsys.readouterr().out
    assert "carry_on" in at_work.log.read_text(), "a worker did it, not the command"
    settled(tenant, on="beta")


def test_beat_finds_what_no_message_told_of_and_has_another_worker_go_on_after_a_kill(
    new_tenant, celery, tmp_path
):
    tenants = [new_tenant(), new_tenant()]
    for tenant in tenants:
        pin_tenant(tenant.id, to="beta")
    first = worker(celery, "one", point="copy.done")
    made = look({"max_moves": 2})
    row = job.propose(made, {"max_moves": 2})
    job.approve(row.pk, plan_id=made.plan.id)
    beat(celery, tmp_path)
    here = tmp_path / "copy.done"
    wait_for(here.exists, "beat did not find it", log=first.log, seconds=120)
    kill(first)
    assert state() == RebalanceState.RUNNING
    second = worker(celery, "two")
    # Both leases, of the rebalance and of the move, run out before anybody else may go on.
    wait_for(lambda: state() == RebalanceState.DONE, log=second.log, seconds=240)
    steps = RebalanceStep.objects.using(CONTROL).filter(rebalance=row)
    assert {step.state for step in steps} == {StepState.DONE}
    for tenant in tenants:
        settled(tenant, on="beta")
