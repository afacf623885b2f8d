"""What parent and children do: ask the database who they are, as two tenants in turn."""

import json
import os

from django.db import connection, transaction

from sharding import scope


def places() -> list[scope.Placement]:
    return [scope.Placement(**one) for one in json.loads(os.environ["FORKING_TENANTS"])]


def who_am_i(rounds: int = 3) -> list[str]:
    """The roles seen, which must be the tenants' in turn."""
    seen = []
    for place in places() * rounds:
        with scope.enter(place), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_user, pg_backend_pid()")
            seen.append(cursor.fetchone()[0])
        # The request is over: the connection goes back to the pool.
        connection_of(place).close()
    return seen


def connection_of(place):
    from django.db import connections

    return connections[place.shard]
