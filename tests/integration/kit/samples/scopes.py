"""Tenants, other tenants, control."""

import pytest
from django.core.cache import cache
from django.test.testcases import DatabaseOperationForbidden
from notes.models import Note

from sharding import scope
from tenants.models import Tenant

BOTH = pytest.mark.parametrize("other_tenant", ["same shard", "another shard"], indirect=True)


def test_a_test_runs_in_its_tenants_scope(tenant):
    assert scope.tenant() == tenant.place
    assert Note.objects.get().text == "seed"


@pytest.mark.tenant
def test_the_mark_does_the_same():
    assert Note.objects.count() == 1


def test_a_client_is_at_the_tenants_host(tenant_client):
    assert tenant_client.post("/", {"text": "by form"}).json() == {"notes": ["seed", "by form"]}


@BOTH
@pytest.mark.parametrize("turn", [1, 2])
def test_tenants_are_apart_and_each_is_undone(tenant, other_tenant, turn):
    Note.objects.create(text="mine")
    with other_tenant.scope():
        Note.objects.create(text="theirs")
        assert sorted(Note.objects.values_list("text", flat=True)) == ["seed", "theirs"]
    assert other_tenant.client().get("/").json() == {"notes": ["seed", "theirs"]}
    assert sorted(Note.objects.values_list("text", flat=True)) == ["mine", "seed"]


@BOTH
def test_other_tenants_are_where_they_are_asked_for(tenant, other_tenant, request):
    where = request.node.callspec.params["other_tenant"]
    assert (other_tenant.shard == tenant.shard) == (where == "same shard")


@BOTH
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_commits_in_several_tenants_are_undone(tenant, other_tenant, turn):
    assert Note.objects.create(text="mine").pk
    with other_tenant.scope():
        assert Note.objects.count() == 1
        Note.objects.all().delete()


def test_shards_have_names(shards, tenant):
    assert tenant.shard in shards
    assert len(shards) == 2


@pytest.mark.parametrize("turn", [1, 2])
def test_control_is_undone_too(control, turn):
    assert Tenant.objects.using(control).filter(slug="first").update(name="changed") == 1
    assert Tenant.objects.using(control).filter(name="changed").count() == 1


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_commits_in_control_are_undone_too(control, turn):
    assert not Tenant.objects.using(control).filter(name="changed").exists()
    Tenant.objects.using(control).update(name="changed")


def test_control_needs_to_be_asked_for(tenant):
    with pytest.raises(DatabaseOperationForbidden):
        Tenant.objects.using("control").count()


def test_both_at_once(tenant, control):
    assert Tenant.objects.using(control).get(id=tenant.id).slug == tenant.slug
    assert Note.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "control"])
@pytest.mark.parametrize("turn", [1, 2])
def test_a_tenant_can_be_made_and_is_undone(tenant, control, turn):
    from sharding.registry.current import shard
    from sharding.schemas.connections import own_connection
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest

    with own_connection(shard("beta")) as owner:
        assert len(owner.execute("SELECT FROM atoll.tenant_schema").fetchall()) == 1
    with scope.enter(None):
        made = provision_tenant(ProvisionRequest(slug="made", shard="beta"))
    assert made.created
    with scope.enter(made.placement):
        assert Note.objects.count() == 1


@pytest.fixture(scope="session")
def found_by_session():
    return scope.current()


def test_fixtures_that_outlive_a_test_have_no_scope(tenant, found_by_session):
    assert found_by_session is None


@pytest.mark.parametrize("turn", [1, 2])
def test_a_cache_is_empty_when_a_test_begins(tenant, turn):
    assert cache.get("key") is None
    cache.set("key", turn)
    assert cache.get("key") == turn
