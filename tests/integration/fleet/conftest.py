"""Tenants of the first release, and later releases of the outbox."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from django.db import connections

from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.fleet.types import Shares
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.placing import create_placement, set_placement_state
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection

RELEASES = __package__
_numbers = itertools.count()
_HAS_URGENCY = """
    SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = %s::regnamespace AND c.relname = 'outbox_message'
      AND a.attname = 'urgency' AND NOT a.attisdropped
"""


@pytest.fixture(autouse=True)
def fleet(stack_ready) -> Iterator[object]:
    yield stack_ready
    connections.close_all()


@pytest.fixture
def ready() -> Iterator[Callable[..., scope.Placement]]:
    """Makes tenants' schemas of the release that is in force; nobody else migrates them later."""
    made = []

    def make(shard: str = "alpha") -> scope.Placement:
        tenant_id = reserve_tenant_id(shard, used_by=f"fleet{next(_numbers)}")
        build_schema(create_placement(tenant_id, shard).to_scope())
        made.append(tenant_id)
        return set_placement_state(tenant_id, PlacementState.READY).to_scope()

    yield make
    # Others' tests ask for all tenants, and these are not of the release that is theirs.
    Placement.objects.using("control").filter(tenant_id__in=made).delete()


@pytest.fixture
def release(settings) -> Callable[[str], None]:
    """Puts a later release in force for the rest of the test."""

    def put(name: str) -> None:
        settings.MIGRATION_MODULES = {
            **settings.MIGRATION_MODULES,
            "outbox": f"{RELEASES}.release_{name}.migrations",
        }

    return put


def of(*places: scope.Placement, **more: object) -> FleetRequest:
    """A request for these tenants: the stack has others, which are not ours."""
    more.setdefault("shares", Shares(percents=(100.0,), canary=False))
    return FleetRequest(tenants=tuple(place.tenant_id for place in places), **more)


def has_urgency(place: scope.Placement) -> bool:
    return bool(ask(place, _HAS_URGENCY, [place.schema])[0][0])


def ask(place: scope.Placement, query: str, words: list[object] | None = None) -> list[tuple]:
    """Ask a shard as its owner."""
    with own_connection(addresses.shard(place.shard)) as connection:
        cursor = connection.execute(query, words)
        return cursor.fetchall() if cursor.description else []
