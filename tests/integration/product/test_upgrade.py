"""A tenant that has rows gets the newer tables, and keeps what it had."""

from datetime import UTC, datetime

import pytest
from django.db import connections

from migrations_tools.execution import Executor
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.furnish import furnish
from workspace.models import Ticket

ROWS = """
    INSERT INTO {schema}.accounts_user (id, password, is_superuser, email, name, role, is_active,
                                        is_staff, joined_at)
    VALUES (gen_random_uuid(), '', false, 'old@example.com', '', 'agent', true, false, now());
    INSERT INTO {schema}.workspace_ticket (title, body, state, opened_by_id, opened_at,
                                           closed_by_id, closed_at)
    SELECT 'Printer on fire', 'It smokes', 'open', id, '2026-01-05T10:00Z'::timestamptz,
           NULL::uuid, NULL::timestamptz
    FROM {schema}.accounts_user
    UNION ALL
    SELECT 'Done long ago', '', 'closed', id, '2026-01-01T10:00Z', id, '2026-01-02T10:00Z'
    FROM {schema}.accounts_user;
"""


@pytest.fixture
def before_part_two(stack_ready):
    """A schema whose workspace is at its first migration, with two tickets in it."""
    tenant_id = reserve_tenant_id("alpha", used_by="somebody who was here first")
    place = create_placement(tenant_id, "alpha").to_scope()
    build_schema(place)
    with session_bound(place, on_schema_change=lambda execute: furnish(execute, place.schema)):
        executor = Executor(connections["alpha"], note=lambda what: None)
        executor.run(executor.migration_plan([("workspace", "0001_initial")]), whole=False)
    with own_connection(addresses.shard("alpha")) as own:
        own.execute(ROWS.format(schema=place.schema))
    yield place
    connections.close_all()


def test_tickets_of_the_first_release_keep_their_state_and_can_be_searched(before_part_two):
    built = build_schema(before_part_two)
    assert "workspace.0002_help_desk" in built.migrations
    with scope.enter(before_part_two):
        burning, done = Ticket.objects.order_by("-id")[::-1]
        assert (burning.status, done.status) == (Ticket.Status.OPEN, Ticket.Status.CLOSED)
        assert (burning.priority, burning.assignee, burning.version) == ("normal", None, 1)
        assert burning.updated_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
        assert done.updated_at == done.closed_at == datetime(2026, 1, 2, 10, tzinfo=UTC)
        assert Ticket.objects.filter(search="smoking").get() == burning
