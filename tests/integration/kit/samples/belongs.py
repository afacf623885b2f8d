"""What docs/how-to/own-app.md, what-default-means.md and coming-from-django-tenants.md say."""

import pytest
from celery import shared_task
from django.core import signing
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, connections, transaction
from django_tenants.utils import schema_context, tenant_context
from notes.models import Note

from sharding import scope
from tenants.links import tenant_url
from tenants.models import Tenant
from tenants.outbox.models import Message
from tenants.outbox.services.publish import publish
from tenants.outbox.topics import register_topic
from tenants.tasks import TenantTask

BOTH = pytest.mark.parametrize("other_tenant", ["same shard", "another shard"], indirect=True)
ELSEWHERE = pytest.mark.parametrize("other_tenant", ["another shard"], indirect=True)


@shared_task(base=TenantTask)
def count_notes():
    return Note.objects.count()


def test_default_is_the_tenant_s_shard(tenant):
    assert connections["default"] is connections[tenant.shard]
    heard = []
    with transaction.atomic():
        transaction.on_commit(lambda: heard.append(1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM notes_note")
        assert cursor.fetchone() == (1,)
    assert set(connections) == {"default", "control"}


@ELSEWHERE
def test_a_connection_is_not_kept(tenant, other_tenant):
    kept = connections["default"]
    with other_tenant.scope(), pytest.raises(scope.WrongShard), kept.cursor() as cursor:
        cursor.execute("SELECT 1")


@BOTH
def test_a_record_knows_its_tenant(tenant, other_tenant):
    note = Note.objects.get()
    assert note._state.db == tenant.shard
    with other_tenant.scope(), pytest.raises(scope.WrongTenant):
        note.save()


@BOTH
def test_a_transaction_belongs_to_one_tenant(tenant, other_tenant):
    with transaction.atomic(), pytest.raises(scope.OpenTransaction), other_tenant.scope():
        pass


@pytest.mark.django_db(databases=["control"])
def test_control_scope_makes_default_the_control_database():
    with scope.enter(scope.CONTROL):
        assert connections["default"] is connections["control"]


@BOTH
def test_files_and_signatures_are_the_tenant_s(tenant, other_tenant, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    name = default_storage.save("a.txt", ContentFile(b"mine"))
    signed = signing.dumps("mine")
    with other_tenant.scope():
        assert not default_storage.exists(name)
        with pytest.raises(signing.BadSignature):
            signing.loads(signed)
        cache.set("key", "theirs")
    assert cache.get("key") is None


def test_links_lead_to_the_tenant_s_host(tenant):
    assert tenant.host in tenant_url("/a/")


def test_a_task_runs_in_the_scope_of_who_sent_it(tenant):
    assert count_notes.apply().get() == 1


def test_an_effect_is_published_with_the_transaction(tenant):
    register_topic("test-topic", lambda message: None)
    publish("test-topic", {"a": 1})
    assert Message.objects.filter(topic="test-topic").count() == 1


@BOTH
def test_words_of_django_tenants_enter_scopes(tenant, other_tenant, control):
    row = Tenant.objects.using(control).get(id=other_tenant.id)
    with schema_context(other_tenant.id):
        assert connection.schema_name == other_tenant.id
    with tenant_context(row):
        assert scope.tenant() == other_tenant.place
    assert scope.tenant() == tenant.place


def test_a_page_is_for_members_unless_it_says_otherwise(tenant_client):
    assert tenant_client.get("/mine/").status_code == 302
    assert tenant_client.get("/").status_code == 200


def test_requests_know_their_tenant(tenant_client, tenant):
    response = tenant_client.get("/")
    assert response.wsgi_request.tenant.tenant_id == tenant.id
