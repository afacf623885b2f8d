"""Tell of changes, and hear of them."""

from functools import partial
from typing import Final

from django.db import transaction

from sharding.placements.models import Announcement
from sharding.placements.services.processes import announce
from tenants.directory import shared
from tenants.directory.lookup import directory
from tenants.directory.types import HostKey, IdKey, Key
from tenants.models import CONTROL, Domain

KIND: Final = "tenant"


def announce_change(tenant_id: str, *, hosts: tuple[str, ...] = ()) -> None:
    """Let every process ask anew about a tenant; `hosts` are those it has no longer.

    Transaction: needs the one on control in which the tenant is changed.
    """
    domains = Domain.objects.using(CONTROL).filter(tenant_id=tenant_id)
    named = sorted({*hosts, *domains.values_list("domain", flat=True)})
    announce(KIND, tenant_id, hosts=named)
    transaction.on_commit(partial(_forget_everywhere, tenant_id, named), using=CONTROL)


def hear(announcement: Announcement) -> None:
    """Forget what another process changed."""
    if announcement.kind == KIND:
        hosts = announcement.body.get("hosts", ())
        directory().forget(announcement.subject, [HostKey(host) for host in hosts])


def _forget_everywhere(tenant_id: str, hosts: list[str]) -> None:
    keys: list[Key] = [IdKey(tenant_id), *map(HostKey, hosts)]
    directory().forget(tenant_id, keys)
    shared.forget(keys)
