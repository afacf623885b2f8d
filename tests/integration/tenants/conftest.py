"""Tenants made by the product's own provisioning: two on alpha, one on beta."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group
from django.core.signals import request_finished
from django.db import connections
from django.test import Client

from sharding import scope
from sharding.placements.services.placing import get_placement
from sharding.pools.breaker import BreakerLook, BreakerState, install_breaker
from sharding.pools.process_slots import slots
from sharding.pools.slots import Slot, SlotLimits
from tenants.directory.lookup import directory
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionReceipt, ProvisionRequest
from tests.integration.tenants.inventory import halves

PASSWORD = "correct-horse-battery"
ANY_NUMBER = SlotLimits(shard=0, doubtful=0)


@dataclass(frozen=True)
class Made:
    receipt: ProvisionReceipt

    @property
    def slug(self) -> str:
        return self.receipt.slug

    @property
    def id(self) -> str:
        return self.receipt.tenant_id

    @property
    def host(self) -> str:
        return self.receipt.hosts[0]

    @property
    def place(self) -> scope.Placement:
        # As it is now: another test may have given it new cache keys.
        return get_placement(self.id).to_scope()

    @property
    def email(self) -> str:
        return f"admin@{self.slug}.example"

    def scope(self) -> scope.enter:
        return scope.enter(self.place)


def make(slug: str, shard: str) -> Made:
    return Made(
        provision_tenant(
            ProvisionRequest(
                slug=slug,
                shard=shard,
                admin_email=f"admin@{slug}.example",
                admin_password=PASSWORD,
            )
        )
    )


@pytest.fixture(scope="session")
def tenants(stack_ready) -> tuple[Made, Made, Made]:
    """Two on one shard, the third on another."""
    return make("ann", "alpha"), make("bob", "alpha"), make("cyd", "beta")


@pytest.fixture
def groups(tenants) -> Iterator[None]:
    """In each tenant one group that bears its slug; the ids are the same everywhere."""
    for tenant in tenants:
        with tenant.scope():
            Group.objects.create(id=77, name=tenant.slug)
    yield
    for tenant in tenants:
        with tenant.scope():
            Group.objects.all().delete()


@pytest.fixture
def ann(tenants) -> Made:
    return tenants[0]


@pytest.fixture
def bob(tenants) -> Made:
    return tenants[1]


@pytest.fixture
def cyd(tenants) -> Made:
    return tenants[2]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    directory.cache_clear()
    yield
    assert scope.current() is None, "a test left its scope open"
    directory.cache_clear()


@pytest.fixture
def client_of(tenants):
    """A browser at a tenant's host."""

    def client(tenant, **options) -> Client:
        return Client(headers={"host": tenant.host}, **options)

    return client


@pytest.fixture(scope="module")
def consistent(tenants):
    """Asks that there is no half of a tenant, but for those that tests of others have left."""
    others = halves()

    def ask():
        assert halves() == others

    return ask


@pytest.fixture
def no_connections_in_threads_that_end():
    """Without a pool connections are kept; the threads that ASGI makes for a request are not."""

    def close_connections(**signal):
        connections.close_all()

    request_finished.connect(close_connections)
    yield
    request_finished.disconnect(close_connections)
    connections.close_all()


@pytest.fixture
def taken():
    """Takes slots as other requests of this process would."""
    kept: list[Slot] = []

    def take(shard, tenant=""):
        got = slots().take(shard, ANY_NUMBER, tenant=tenant)
        assert isinstance(got, Slot)
        kept.append(got)

    yield take
    for slot in kept:
        slot.give_back()


class Away:
    """A breaker that is open."""

    away = True

    def suspect(self, reason: str = "") -> None:
        pass

    def look(self) -> BreakerLook:
        return BreakerLook(BreakerState.OPEN, "it is said to be", datetime.now(UTC))


@contextmanager
def said_to_be_away(shard: str) -> Iterator[None]:
    """This process holds the shard's server for away; it is not."""
    install_breaker(shard, Away())
    try:
        yield
    finally:
        install_breaker(shard, None)
