"""A shard that hangs holds up its own worker's tasks, loses none of them, and no other's."""

import re
import time
from uuid import uuid4

import pytest
from django.core.cache import caches

from tests.faults.down import Down
from tests.fixtures.waiting import wait_for
from tests.integration.tenants.tasks_of_tests import count_tenants, look

TASKS = 10
PUT_OFF = re.compile(r"\[([0-9a-f-]{36})\] comes again in")


def send(tenant, mark):
    with tenant.scope():
        return {f"{mark}-{number}": look.delay(f"{mark}-{number}").id for number in range(TASKS)}


def done(marks):
    return {mark for mark in marks if caches["control"].get(f"test:{mark}")}


@pytest.mark.slow
@pytest.mark.parametrize("how", Down)
def test_a_shard_that_is_down_holds_up_its_own_workers_tasks_only(faulty, ann, cyd, workers, how):
    """With breakers, as workers run: without them each task would wait for its deadlines."""
    beta = workers["shard.beta"]
    with faulty.down("beta", how):
        late = send(cyd, uuid4().hex)
        soon = send(ann, uuid4().hex)
        began = time.monotonic()
        wait_for(lambda: done(soon) == set(soon), "alpha's tasks wait", log=workers["shard.alpha"])
        assert time.monotonic() - began < 10
        assert not done(late)
        wait_for(
            lambda: set(PUT_OFF.findall(beta.read_text())) >= set(late.values()),
            "some are not put off",
            log=beta,
            seconds=60,
        )
        before = len(PUT_OFF.findall(beta.read_text()))
        time.sleep(4)
        # With pauses of 0.5, 1, 2 s … each came two or three times, not hundreds of times.
        assert len(PUT_OFF.findall(beta.read_text())) - before < 4 * TASKS
    wait_for(lambda: done(late) == set(late), "some are lost", log=beta, seconds=60)
    assert not PUT_OFF.findall(workers["shard.alpha"].read_text())
    assert "beta: breaker open" in beta.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("how", Down)
def test_a_task_of_nobody_waits_for_control_and_tenants_tasks_do_not(faulty, ann, workers, how):
    warm, mark, late = (uuid4().hex for _ in range(3))
    with ann.scope():
        look.delay(warm)
        wait_for(lambda: done([warm]))
        with faulty.down("control", how):
            sent = count_tenants.delay(late)
            look.delay(mark)
            wait_for(lambda: done([mark]), "it waits for control", log=workers["shard.alpha"])
            log = workers["control"]
            wait_for(lambda: sent.id in PUT_OFF.findall(log.read_text()), log=log)
            assert not done([late])
        wait_for(lambda: done([late]), "it is lost", log=log)
