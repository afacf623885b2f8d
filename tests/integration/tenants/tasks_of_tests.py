"""Tasks that tell what they saw, in the control cache."""

from celery import current_task, shared_task
from django.contrib.auth.models import Group
from django.core.cache import caches

from sharding import scope
from tenants.models import Tenant
from tenants.tasks import ControlTask, TenantTask


def tell(mark):
    place = scope.tenant_or_none()
    groups = list(Group.objects.values_list("name", flat=True)) if place else None
    seen = {
        "tenant": place.tenant_id if place else None,
        "groups": groups,
        "queue": (current_task.request.delivery_info or {})["routing_key"],
        "id": current_task.request.id,
    }
    caches["control"].set(f"test:{mark}", [*(caches["control"].get(f"test:{mark}") or []), seen])


@shared_task(base=TenantTask)
def look(mark):
    tell(mark)


@shared_task(base=TenantTask, runs_while_suspended=True)
def purge(mark):
    tell(mark)


@shared_task(base=TenantTask, bind=True, max_retries=1)
def look_on_second_try(self, mark):
    if not self.request.retries:
        raise self.retry(countdown=0)
    tell(mark)


@shared_task(base=ControlTask)
def look_at_control(mark):
    tell(mark)


@shared_task(base=ControlTask)
def count_tenants(mark):
    caches["control"].set(f"test:{mark}", [Tenant.objects.using("control").count()])
