"""The truth: what control says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from django.db import connections
from django.db.utils import DatabaseError

from sharding.placements.models import Placement
from sharding.placements.states import PlacementState
from sharding.pools.deadline import request_ends
from tenants.conf import tenant_settings
from tenants.directory.types import Entry, HostKey, IdKey, Key
from tenants.models import CONTROL, Domain, Tenant
from tenants.states import TenantState

PATIENCE_S = 1.0
"""How long control may take: who asks is a request, and stale answers are at hand."""


def ask_control(key: Key) -> Entry | None:
    """The tenant, or None when there is none.

    Raises:
        DatabaseError: control is away.
    """
    with _bounded():
        match key:
            case HostKey(host):
                domain = (
                    Domain.objects.using(CONTROL)
                    .select_related("tenant")
                    .filter(domain=host)
                    .first()
                )
                return None if domain is None else _entry(domain.tenant, host)
            case IdKey(name):
                tenant = Tenant.objects.using(CONTROL).filter(id=name).first()
                return None if tenant is None else _entry(tenant, _primary_host(tenant))


def may_remember() -> bool:
    """Whether what was just read is committed: an open transaction of ours may be rolled back."""
    return not connections[CONTROL].in_atomic_block


def _entry(tenant: Tenant, host: str) -> Entry | None:
    # After the tenant: a place is only ever newer than what is known of its tenant.
    placement = Placement.objects.using(CONTROL).filter(tenant_id=tenant.id).first()
    if placement is None:
        return None
    place = placement.to_scope()
    if timeout := tenant_settings().statement_timeout_ms(tenant.plan):
        place = replace(place, statement_timeout_ms=timeout)
    return Entry(
        tenant_id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        host=host,
        tenant_state=TenantState(tenant.state),
        placement_state=PlacementState(placement.state),
        placement=place,
        plan=tenant.plan,
    )


def _primary_host(tenant: Tenant) -> str:
    domain = Domain.objects.using(CONTROL).filter(tenant=tenant, is_primary=True).first()
    return "" if domain is None else str(domain.domain)


@contextmanager
def _bounded() -> Iterator[None]:
    before = request_ends.get()
    request_ends.set(min(before, monotonic() + PATIENCE_S))
    try:
        yield
    except DatabaseError:
        # Kept, a broken connection would answer the next question with the same error.
        if not connections[CONTROL].in_atomic_block:
            connections[CONTROL].close()
        raise
    finally:
        request_ends.set(before)
