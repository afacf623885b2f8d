"""Tasks that tell where they ran."""

from celery import shared_task
from django.contrib.auth.models import Group
from django.db import DatabaseError

from sharding import scope
from tenants.tasks import ControlTask, TenantTask

RAN: list[str] = []


@shared_task(base=TenantTask)
def write(name):
    RAN.append(scope.tenant().shard)
    Group.objects.create(name=name)


@shared_task(base=TenantTask)
def write_and_swallow(name):
    RAN.append(scope.tenant().shard)
    try:
        Group.objects.create(name=name)
    except DatabaseError:
        return


@shared_task(base=TenantTask)
def fail(name):
    RAN.append(scope.tenant().shard)
    Group.objects.create(name=name)
    raise ZeroDivisionError


@shared_task(base=TenantTask, bind=True, max_retries=2)
def retry(self, name):
    RAN.append(scope.tenant().shard)
    try:
        Group.objects.create(name=name)
    except DatabaseError as error:
        raise self.retry(exc=error, countdown=0) from error


@shared_task(base=ControlTask)
def write_for(tenant_id, name):
    with scope.enter(scope.resolve(tenant_id)):
        write(name)
