"""Beat finds the tenants that have imports or exports under way, without looking into all."""

import pytest
from django.core.cache import caches
from django.utils import timezone

from tenants.directory.lookup import directory
from tenants.services.suspend import resume_tenant, suspend_tenant
from workspace.models import Export, Import
from workspace.services.imports_stalled import STALE_AFTER
from workspace.services.transfers_at_work import KEY, forget_hint, hint_at_work, hinted_tenants
from workspace.tasks import revive_transfers, revive_transfers_at_work


@pytest.fixture(autouse=True)
def _no_hints(tern, ember, broker):
    caches["control"].delete(KEY)
    yield
    caches["control"].delete(KEY)
    for tenant in (tern, ember):
        with tenant.scope():
            Import.objects.all().delete()
            Export.objects.all().delete()


def tasks_in(broker, queue):
    return [message["headers"]["task"].rpartition(".")[2] for message in broker.messages(queue)]


def test_who_imports_or_exports_hints_and_only_those_are_looked_into(tern, ember, bring, broker):
    bring(tern.member(), "title\nimp x\n")
    assert hinted_tenants() == {tern.place.tenant_id}
    ember.member().post("/exports/")
    assert hinted_tenants() == {tern.place.tenant_id, ember.place.tenant_id}
    broker.empty()
    with ember.scope():
        forget_hint(ember.place.tenant_id)
    revive_transfers_at_work()
    assert tasks_in(broker, "shard.alpha") == ["revive_transfers"]
    assert tasks_in(broker, "shard.beta") == []


def test_a_look_sends_what_is_stalled_and_keeps_the_hint_until_all_has_ended(tern, job_of, broker):
    job = job_of(tern, "title\nimp x\n", 1)
    with tern.scope():
        hint_at_work()
        revive_transfers()
        assert tasks_in(broker, "shard.alpha") == []
        Import.objects.update(state="running", beat_at=timezone.now() - STALE_AFTER)
        revive_transfers()
        assert broker.only_message("shard.alpha")["arguments"] == [str(job.pk)]
        assert hinted_tenants() == {tern.place.tenant_id}
        Import.objects.update(state="done")
        revive_transfers()
    assert hinted_tenants() == set()


def test_hints_of_tenants_that_are_gone_or_closed_harm_nobody(tern, broker):
    with tern.scope():
        hint_at_work()
    caches["control"].sadd(KEY, "t0000000")
    suspend_tenant("tern")
    directory.cache_clear()
    try:
        revive_transfers_at_work()
    finally:
        resume_tenant("tern")
        directory.cache_clear()
    assert tasks_in(broker, "shard.alpha") == []
    assert hinted_tenants() == {tern.place.tenant_id}


def test_without_redis_there_are_no_hints(tern, redis_away):
    assert hinted_tenants() == set()
    revive_transfers_at_work()
