"""Fills the servers of `bench_pages`: `… FOLDER SHARD TICKETS TENANTS`.

One tenant with many tickets, made as an operator makes it, and many tenants that are rows of
control only: the console's search asks no shard.
"""

import sys
from pathlib import Path

import django
from django.db import connection

SLUG = "busy"
# Few enough for the time that a statement of the product may take.
_AT_ONCE = 1_000
_MEMBERS = 20

# Every third text holds "printer", one in a thousand "gasket", and each has words of its own.
# Four of five tickets are closed, as in a help desk that has been there for some years.
_TICKETS = """
    INSERT INTO workspace_ticket (
        title, body, status, priority, opened_by_id, opened_at, updated_at, assignee_id,
        closed_by_id, closed_at, version
    )
    SELECT
        initcap(words[1 + n %% 20]) || ' ' || words[1 + n / 20 %% 20] || ' ' || n,
        repeat(
            'Please look at the ' || words[1 + n * 7 %% 20] || ' in room ' || n %% 400 || '. ', 6
        ) || CASE WHEN n %% 1000 = 0 THEN 'The gasket leaks.' ELSE '' END,
        CASE WHEN n %% 10 < 7 THEN 'closed' WHEN n %% 10 = 7 THEN 'solved'
             WHEN n %% 10 = 8 THEN 'pending' ELSE 'open' END,
        (ARRAY['low', 'normal', 'normal', 'high', 'urgent'])[1 + n %% 5],
        people[1 + n %% array_length(people, 1)],
        now() - (%(all)s - n) * interval '5 minutes',
        now() - (%(all)s - n) * interval '4 minutes',
        CASE WHEN n %% 4 > 0 THEN people[1 + n * 3 %% array_length(people, 1)] END,
        CASE WHEN n %% 10 < 8 THEN people[1 + n %% array_length(people, 1)] END,
        CASE WHEN n %% 10 < 8 THEN now() - (%(all)s - n) * interval '4 minutes' END,
        1
    FROM generate_series(%(first)s::int, %(last)s::int) n,
        (SELECT array_agg(id ORDER BY email) AS people FROM accounts_user) members,
        (SELECT string_to_array(
            'printer door screen mouse lamp chair desk window heater cable phone server router '
            || 'invoice password calendar badge scanner coffee parking', ' ') AS words) vocabulary
"""


def main(folder: str, shard: str, tickets: int, tenants: int) -> None:
    """Prepare the servers and fill them."""
    from devstack.prepare import prepare
    from devstack.stack import Stack

    prepare(Stack(Path(folder), shards=(shard,)))
    fill_tenant(shard, tickets)
    fill_control(shard, tenants)


def fill_tenant(shard: str, tickets: int) -> None:
    """A tenant with members and tickets."""
    from accounts.models import User
    from sharding import scope
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest

    receipt = provision_tenant(ProvisionRequest(slug=SLUG, name="Busy", shard=shard))
    with scope.enter(receipt.placement):
        for number in range(_MEMBERS):
            User.objects.create_user(f"agent{number:02}@{SLUG}.example", role=User.Role.AGENT)
        for first in range(1, tickets + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, tickets)
            with connection.cursor() as cursor:
                cursor.execute(_TICKETS, {"first": first, "last": last, "all": tickets})


def fill_control(shard: str, tenants: int) -> None:
    """Rows of tenants, their hosts and placements."""
    from sharding.placements.models import Placement
    from sharding.placements.states import PlacementState
    from tenants.models import CONTROL, Domain, Tenant
    from tenants.states import TenantState

    numbers = range(tenants)
    rows = [
        Tenant(
            id=f"tb{number:07}",
            schema_name=f"tb{number:07}",
            slug=f"customer-{number:05}",
            name=f"{('Harbour', 'Meadow', 'Summit', 'Willow')[number % 4]} Works {number}",
            state=TenantState.ACTIVE,
        )
        for number in numbers
    ]
    Tenant.objects.using(CONTROL).bulk_create(rows, batch_size=1000)
    Domain.objects.using(CONTROL).bulk_create(
        (Domain(domain=f"{row.slug}.localhost", tenant=row, is_primary=True) for row in rows),
        batch_size=1000,
    )
    Placement.objects.using(CONTROL).bulk_create(
        (
            Placement(tenant_id=row.id, shard_id=shard, schema=row.id, state=PlacementState.READY)
            for row in rows
        ),
        batch_size=1000,
    )


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
