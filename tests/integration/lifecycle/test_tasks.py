"""Tasks of a deleted tenant are dropped; nothing of it is sent for, and nothing is delivered."""

import logging
from datetime import timedelta

import pytest
from django.core.cache import caches

from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.states import PlacementState
from tenants.directory.lookup import directory
from tenants.errors import TenantNotServed
from tenants.fan_out import start_for_all_tenants
from tenants.models import Tenant
from tenants.services.delete import delete_tenant
from tenants.services.restore import restore_tenant
from tenants.services.suspend import suspend_tenant
from tenants.tasks import EPOCH, TENANT
from tests.integration.tenants.tasks_of_tests import look, purge


def taken_from_its_queue(task, life):
    """What a worker does with a message, here, so that it is known when it has done so."""
    headers = {TENANT: life.id, EPOCH: life.place.epoch}
    caches["control"].delete(f"test:{life.id}")
    return task.apply((life.id,), headers=headers, routing_key="shard.alpha", throw=True)


def ran(life):
    return bool(caches["control"].get(f"test:{life.id}"))


@pytest.mark.parametrize("task", [look, purge], ids=["usual", "also-while-suspended"])
def test_a_task_of_a_deleted_tenant_is_dropped_with_a_line_in_the_log(life, caplog, task):
    delete_tenant(life.slug)
    with caplog.at_level(logging.WARNING, logger="tenants.tasks"):
        done = taken_from_its_queue(task, life)
    assert (done.state, ran(life)) == ("IGNORED", False)
    (line,) = [each.getMessage() for each in caplog.records]
    assert task.name in line
    assert f"of tenant {life.id} is dropped: the tenant is deleted" in line
    # Restored, it takes work again.
    restore_tenant(life.slug)
    assert taken_from_its_queue(task, life).state == "SUCCESS"
    assert ran(life)


def test_a_worker_that_has_not_heard_of_it_looks_before_it_drops(life):
    delete_tenant(life.slug)
    assert taken_from_its_queue(look, life).state == "IGNORED"
    # Restored by another process, of which this one has heard nothing.
    Tenant.objects.using("control").filter(id=life.id).update(state="active")
    assert taken_from_its_queue(look, life).state == "SUCCESS"


def test_of_a_suspended_tenant_it_is_as_it_was(life):
    suspend_tenant(life.slug)
    with pytest.raises(TenantNotServed, match="suspended"):
        taken_from_its_queue(look, life)
    assert taken_from_its_queue(purge, life).state == "SUCCESS"


def test_while_it_is_purged_it_is_dropped_as_well(life):
    delete_tenant(life.slug)
    Placement.objects.using("control").filter(tenant_id=life.id).update(
        state=PlacementState.DROPPING
    )
    directory.cache_clear()
    assert taken_from_its_queue(look, life).state == "IGNORED"
    Placement.objects.using("control").filter(tenant_id=life.id).update(state=PlacementState.READY)


def test_what_is_started_for_all_tenants_leaves_it_out(life, monkeypatch):
    sent = []
    monkeypatch.setattr(
        look, "apply_async", lambda **options: sent.append(scope.tenant().tenant_id)
    )
    start_for_all_tenants(look, spread=timedelta(0), good_for=timedelta(hours=1))
    assert life.id in sent
    delete_tenant(life.slug)
    sent.clear()
    start_for_all_tenants(look, spread=timedelta(0), good_for=timedelta(hours=1))
    assert life.id not in sent
