"""Tasks of a tenant that moves are put off, and run where it is then."""

from typing import Any

import pytest
from celery.exceptions import Retry
from celery.signals import before_task_publish
from django.conf import settings as django_settings

from config.celery_app import app as products_app
from tenants.directory.lookup import directory
from tenants.directory.types import IdKey
from tenants.gating.process import gates
from tenants.tasks import EPOCH, HOPS, PUT_OFFS, TENANT
from tests.fixtures.queues import lead_celery_to
from tests.integration.tenants.gating import tasks

app: Any = products_app


@pytest.fixture(autouse=True)
def _broker(move):
    before = app.conf.broker_url
    lead_celery_to(django_settings.CELERY_BROKER_URL)
    tasks.RAN.clear()
    yield
    with app.connection_for_write() as connection:
        for queue in ("shard.alpha", "shard.beta", "control"):
            connection.default_channel.queue_purge(queue)
    lead_celery_to(before)


@pytest.fixture
def published():
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(headers=None, routing_key=None, **_):
        sent.append((routing_key, headers))

    before_task_publish.connect(note)
    yield sent
    before_task_publish.disconnect(note)


def taken(task, move, name="somebody"):
    """What a worker of alpha's queue does with a message."""
    headers = {TENANT: move.tenant.id, EPOCH: 1}
    return task.apply((name,), headers=headers, routing_key="shard.alpha", throw=True)


@pytest.fixture
def stale(move):
    """It lives on beta; this process believes that it lives on alpha."""
    directory().lookup(IdKey(move.tenant.id))
    move.fence()
    move.switch()
    return move


def test_a_task_of_a_tenant_that_moves_is_put_off(move, published):
    move.begin()
    assert taken(tasks.write, move).state == "IGNORED"
    ((queue, headers),) = published
    assert (queue, headers[PUT_OFFS]) == ("shard.alpha", 1)
    assert headers["eta"]
    assert tasks.RAN == []


def test_a_task_of_a_tenant_whose_gate_is_closed_here_is_put_off(move, published):
    directory().lookup(IdKey(move.tenant.id))
    gates().closures.close(move.tenant.id, epoch=99, announcement=1)
    assert taken(tasks.write, move).state == "IGNORED"
    assert [headers[PUT_OFFS] for _, headers in published] == [1]
    assert tasks.RAN == []
    assert gates().tasks.count(move.tenant.id) == 0


@pytest.mark.parametrize("task", [tasks.write, tasks.write_and_swallow], ids=lambda task: task.name)
def test_a_task_that_met_the_fence_runs_again_where_its_tenant_is(stale, published, task):
    done = taken(task, stale)
    assert done.state == "IGNORED"
    ((queue, headers),) = published
    assert (queue, headers["id"], headers[HOPS]) == ("shard.beta", done.id, 1)
    assert tasks.RAN == ["alpha"]
    assert stale.names("alpha") == stale.names("beta") == []
    task.apply(("somebody",), headers=headers, routing_key=queue, throw=True)
    assert tasks.RAN == ["alpha", "beta"]
    assert stale.names("beta") == ["somebody"]


def test_a_task_that_met_a_sealed_schema_does_too(stale, published):
    stale.seal()
    assert taken(tasks.write, stale).state == "IGNORED"
    assert [queue for queue, _ in published] == ["shard.beta"]


def test_a_task_that_met_the_fence_of_a_move_under_way_is_put_off(move, published):
    directory().lookup(IdKey(move.tenant.id))
    move.begin()
    move.fence()
    assert taken(tasks.write, move).state == "IGNORED"
    ((queue, headers),) = published
    assert (queue, headers[PUT_OFFS]) == ("shard.alpha", 1)


def test_a_task_that_tries_again_by_itself_is_left_to_that(stale, published):
    with pytest.raises(Retry):
        taken(tasks.retry, stale)
    assert published == []


def test_a_task_that_fails_for_another_reason_fails(move, published):
    with pytest.raises(ZeroDivisionError):
        taken(tasks.fail, move)
    assert published == []


def test_a_task_that_came_over_no_queue_fails_with_what_it_met(stale):
    from django.db import DatabaseError

    with pytest.raises(DatabaseError):
        tasks.write.apply(("x",), headers={TENANT: stale.tenant.id, EPOCH: 1}, throw=True)
    assert tasks.RAN == ["alpha"]


def test_a_task_of_nobody_that_works_for_a_tenant_comes_again(stale, published):
    done = tasks.write_for.apply((stale.tenant.id, "x"), routing_key="control", throw=True)
    assert done.state == "IGNORED"
    ((queue, headers),) = published
    assert (queue, headers["id"]) == ("control", done.id)
    assert tasks.RAN == ["alpha"]
    tasks.write_for.apply((stale.tenant.id, "x"), headers=headers, routing_key=queue, throw=True)
    assert stale.names("beta") == ["x"]
