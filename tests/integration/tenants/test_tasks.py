"""Tasks run in their tenant's scope, on its shard's queue, or not at all. With a real worker.

Ann and bob live on one shard, cyd on another. Each has a group with the same id and its own name.
"""

import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import chain
from celery.signals import before_task_publish
from django.conf import settings
from django.core.cache import caches
from django.db import OperationalError, connections, transaction

from config.celery_app import app as products_app
from sharding import scope
from sharding.registry import current as addresses
from tenants import tasks
from tenants.directory import shared
from tenants.directory.changes import announce_change
from tenants.directory.lookup import directory
from tenants.directory.types import IdKey
from tenants.errors import TenantNotServed
from tenants.fan_out import start_for_all_tenants
from tenants.models import Tenant
from tenants.put_off import AWAY_SINCE, AWAY_TIMES
from tenants.services.suspend import resume_tenant, suspend_tenant
from tenants.states import TenantState
from tenants.tasks import EPOCH, HOPS, MOST_HOPS, PUT_OFFS, TENANT, TenantTask
from tests.faults.down import Down
from tests.fixtures.queues import lead_celery_to
from tests.fixtures.waiting import wait_for
from tests.integration.tenants.tasks_of_tests import (
    count_tenants,
    look,
    look_at_control,
    look_on_second_try,
    purge,
)

app: Any = products_app

pytestmark = pytest.mark.usefixtures("groups", "worker")

SETTINGS = "tests.integration.tenants.worker_settings"
QUEUES = "shard.alpha,shard.beta,control"


@pytest.fixture(scope="module")
def worker(tenants, tmp_path_factory):
    """One worker for all queues, as far as it knows; the tasks tell by which they came."""
    log = tmp_path_factory.mktemp("worker") / "log"
    command = [sys.executable, "-m", "celery", "-A", "config.celery_app", "worker", "-l", "INFO"]
    command += ["-P", "solo", "-Q", QUEUES, "-I", "tests.integration.tenants.tasks_of_tests"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with log.open("wb") as out:
        running = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS},
        )
        wait_for(lambda: b"ready." in log.read_bytes(), log=log)
        yield log
        running.terminate()
        running.wait(20)


@pytest.fixture
def mark():
    return uuid4().hex


@pytest.fixture(scope="module", autouse=True)
def _broker(stack_ready):
    before = app.conf.broker_url
    lead_celery_to(settings.CELERY_BROKER_URL)
    yield
    lead_celery_to(before)


def seen(mark, times=1):
    key = f"test:{mark}"
    wait_for(lambda: len(caches["control"].get(key) or []) >= times)
    return caches["control"].get(key)


def not_seen(mark, worker, says):
    wait_for(lambda: says in worker.read_text())
    assert caches["control"].get(f"test:{mark}") is None


def test_each_tenants_task_runs_in_its_scope_on_its_shards_queue(tenants, mark):
    for tenant in tenants:
        with tenant.scope():
            look.delay(mark + tenant.slug)
    for tenant in tenants:
        (told,) = seen(mark + tenant.slug)
        assert (told["tenant"], told["groups"]) == (tenant.id, [tenant.slug])
        assert told["queue"] == f"shard.{tenant.place.shard}"


def test_a_task_of_nobody_has_no_scope_even_if_a_tenant_sent_it(ann, mark):
    with ann.scope():
        look_at_control.delay(mark)
    (told,) = seen(mark)
    assert (told["tenant"], told["queue"]) == (None, "control")


@pytest.mark.parametrize("place", [None, scope.CONTROL])
def test_a_tenants_task_cannot_be_sent_without_a_tenant(mark, place):
    with scope.enter(place), pytest.raises(scope.NoTenantInScope):
        look.delay(mark)


def test_a_task_that_finds_its_tenant_elsewhere_is_forwarded_with_the_same_id(cyd, mark):
    with cyd.scope():
        sent = look.apply_async((mark,), queue="shard.alpha")
    (told,) = seen(mark)
    assert told == {"tenant": cyd.id, "groups": ["cyd"], "queue": "shard.beta", "id": sent.id}


def test_a_task_that_names_no_tenant_does_not_run(ann, mark, worker):
    with pytest.raises(scope.NoTenantInScope):
        app.send_task(look.name, (mark,))
    with ann.scope():
        app.send_task(look.name, (mark,))
    not_seen(mark, worker, "says of no tenant whose it is")


def test_a_task_of_a_tenant_that_is_no_more_does_not_run(ann, mark, worker):
    headers = {TENANT: "t0gonegone", EPOCH: 1}
    with ann.scope():
        app.send_task(look.name, (mark,), headers=headers)
    not_seen(mark, worker, "No tenant has the id or schema 't0gonegone'")


def test_a_suspended_tenants_task_does_not_run_unless_it_may(ann, mark, worker):
    with ann.scope():
        look.delay(mark + "before")
    seen(mark + "before")
    suspend_tenant("ann")
    try:
        # The worker remembers her as open for five seconds, unless it hears what happened.
        time.sleep(1)
        with ann.scope():
            look.delay(mark)
            purge.delay(mark + "purge")
        (told,) = seen(mark + "purge")
        assert told["groups"] == ["ann"]
        not_seen(mark, worker, f"Tenant {ann.id} takes no work (suspended)")
    finally:
        resume_tenant("ann")


def test_a_retry_stays_with_its_tenant(tenants, mark):
    for tenant in tenants:
        with tenant.scope():
            look_on_second_try.delay(mark + tenant.slug)
    for tenant in tenants:
        (told,) = seen(mark + tenant.slug)
        assert (told["tenant"], told["groups"]) == (tenant.id, [tenant.slug])


def test_what_follows_a_task_stays_with_its_tenant(tenants, mark):
    for tenant in tenants:
        with tenant.scope():
            chain(look.si(mark + tenant.slug), look.si(mark + tenant.slug)).delay()
    for tenant in tenants:
        told = seen(mark + tenant.slug, times=2)
        assert [each["groups"] for each in told] == [[tenant.slug]] * 2


def test_a_task_on_commit_waits_for_the_tenants_commit(bob, mark):
    with bob.scope():
        with transaction.atomic():
            look.delay_on_commit(mark)
            time.sleep(0.3)
            assert caches["control"].get(f"test:{mark}") is None
        (told,) = seen(mark)
        assert told["groups"] == ["bob"]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            look.delay_on_commit(mark + "never")
            raise ZeroDivisionError
    time.sleep(0.3)
    assert caches["control"].get(f"test:{mark}never") is None


def test_a_task_for_all_is_sent_once_for_each(tenants, mark, monkeypatch):
    delays = []
    hour = timedelta(hours=1)
    real = TenantTask.apply_async

    def apply_async(self, *args, **options):
        delays.append((scope.tenant().tenant_id, options.pop("countdown")))
        return real(self, (mark + scope.tenant().tenant_id,), **options)

    monkeypatch.setattr(TenantTask, "apply_async", apply_async)
    active = set(
        Tenant.objects.using("control").filter(state="active").values_list("id", flat=True)
    )
    assert start_for_all_tenants(look, spread=timedelta(minutes=10), good_for=hour) == len(active)
    assert {tenant_id for tenant_id, _ in delays} == active
    assert {tenant.id for tenant in tenants} <= active
    assert all(0 <= delay <= 600 for _, delay in delays)
    assert len({delay for _, delay in delays}) == len(delays)
    for tenant in tenants:
        (told,) = seen(mark + tenant.id)
        assert told["groups"] == [tenant.slug]


def test_called_as_a_function_it_runs_where_it_is_called(ann):
    with pytest.raises(scope.NoTenantInScope):
        look("x")


@pytest.mark.parametrize(("hops", "lost"), [(MOST_HOPS - 1, False), (MOST_HOPS, True)])
def test_a_task_that_was_forwarded_too_often_is_lost(cyd, mark, worker, hops, lost):
    with cyd.scope():
        look.apply_async((mark,), queue="shard.alpha", headers={HOPS: hops})
    if lost:
        not_seen(mark, worker, f"of tenant {cyd.id} was forwarded {MOST_HOPS} times")
    else:
        assert len(seen(mark)) == 1


@pytest.fixture
def not_ready(cyd):
    """Cyd as she is while she is being made; `ready()` ends that."""

    def become(state):
        with transaction.atomic(using="control"):
            Tenant.objects.using("control").filter(id=cyd.id).update(state=state)
            announce_change(cyd.id)
        directory.cache_clear()

    become(TenantState.PROVISIONING)
    yield lambda: become(TenantState.ACTIVE)
    become(TenantState.ACTIVE)


def taken_from_its_queue(task, tenant, mark, **headers):
    """What a worker does with a message, here, so that it is known when it has done so."""
    headers = {TENANT: tenant.id, EPOCH: tenant.place.epoch, **headers}
    queue = f"shard.{tenant.place.shard}"
    return task.apply((mark,), headers=headers, routing_key=queue, throw=True)


def test_a_task_of_a_tenant_that_is_being_made_is_put_off(cyd, mark, not_ready, monkeypatch):
    monkeypatch.setattr(tasks, "PUT_OFF_S", 1)
    sent: list[dict[str, Any]] = []

    def note(headers=None, **_):
        sent.append(headers)

    before_task_publish.connect(note)
    try:
        left = tasks.MOST_PUT_OFFS - 1
        done = taken_from_its_queue(look, cyd, mark, **{PUT_OFFS: left})
    finally:
        before_task_publish.disconnect(note)
    assert done.state == "IGNORED"
    (headers,) = sent
    assert (headers["id"], headers[PUT_OFFS]) == (done.id, tasks.MOST_PUT_OFFS)
    assert headers["eta"]
    assert caches["control"].get(f"test:{mark}") is None
    not_ready()
    (told,) = seen(mark)
    assert (told["tenant"], told["id"]) == (cyd.id, done.id)


def test_a_task_is_put_off_so_often_and_then_fails(cyd, mark, not_ready):
    with pytest.raises(TenantNotServed, match="takes no work"):
        taken_from_its_queue(look, cyd, mark, **{PUT_OFFS: tasks.MOST_PUT_OFFS})
    assert caches["control"].get(f"test:{mark}") is None


# --- Servers that are away ----------------------------------------------------------------------


def test_a_task_of_a_shard_that_is_away_comes_again_and_holds_up_nobody(
    stack_ready, ann, cyd, mark, worker
):
    said = len(worker.read_text())
    stack_ready.sigstop("beta")
    try:
        with cyd.scope():
            sent = look.delay(mark + "cyd")
        wait_for(lambda: f"{sent.id}] comes again in" in worker.read_text()[said:], log=worker)
        with ann.scope():
            look.delay(mark + "ann")
        (told,) = seen(mark + "ann")
        assert told["groups"] == ["ann"]
        assert caches["control"].get(f"test:{mark}cyd") is None
        # Put off, not turned in a circle: the log would be full of it.
        assert worker.read_text()[said:].count("comes again in") < 10
    finally:
        stack_ready.sigcont("beta")
    (told,) = seen(mark + "cyd")
    assert (told["tenant"], told["id"]) == (cyd.id, sent.id)


@pytest.fixture
def through_faults(faulty, tenants):
    real = addresses.registry()
    addresses.install(faulty.registry)
    yield faulty
    connections.close_all()
    addresses.install(real)


@pytest.fixture
def published():
    """Headers of the messages that are sent."""
    sent: list[dict[str, Any]] = []

    def note(headers=None, **_):
        sent.append(headers)

    before_task_publish.connect(note)
    yield sent
    before_task_publish.disconnect(note)


@pytest.mark.parametrize("down", ["beta", "control"])
def test_what_is_put_off_keeps_its_id_and_notes_since_when(
    cyd, mark, through_faults, published, down
):
    before = {AWAY_TIMES: 2, AWAY_SINCE: time.time() - 60}
    place = cyd.place
    if down == "beta":
        directory().lookup(IdKey(cyd.id))
    else:
        shared.forget([IdKey(cyd.id)])  # now nobody can say where cyd is
    connections.close_all()
    with through_faults.down(down, Down.REFUSED):
        headers = {TENANT: cyd.id, EPOCH: place.epoch, **before}
        queue = f"shard.{place.shard}"
        done = look.apply((mark,), headers=headers, routing_key=queue, throw=True)
    assert done.state == "IGNORED"
    (headers,) = published
    assert (headers["id"], headers[TENANT], headers[AWAY_TIMES]) == (done.id, cyd.id, 3)
    assert headers[AWAY_SINCE] == before[AWAY_SINCE]
    assert headers["eta"]
    assert caches["control"].get(f"test:{mark}") is None


def test_a_task_that_was_put_off_for_a_day_fails(cyd, mark, through_faults, published):
    directory().lookup(IdKey(cyd.id))
    yesterday = time.time() - timedelta(hours=24, seconds=5).total_seconds()
    with through_faults.down("beta", Down.REFUSED), pytest.raises(OperationalError):
        taken_from_its_queue(look, cyd, mark, **{AWAY_TIMES: 9, AWAY_SINCE: yesterday})
    assert published == []


def test_a_task_of_nobody_is_put_off_while_control_is_away(mark, through_faults, published):
    connections["control"].close()
    with through_faults.down("control", Down.REFUSED):
        done = count_tenants.apply((mark,), routing_key="control", throw=True)
    assert (done.state, len(published)) == ("IGNORED", 1)
    assert caches["control"].get(f"test:{mark}") is None


def test_what_the_broker_does_not_take_back_it_delivers_again(cyd, mark, through_faults):
    directory().lookup(IdKey(cyd.id))
    broker = app.conf.broker_url
    with through_faults.down("beta", Down.REFUSED):
        lead_celery_to("redis://127.0.0.1:1/0")
        try:
            done = taken_from_its_queue(look, cyd, mark)
        finally:
            lead_celery_to(broker)
    assert done.state == "REJECTED"
