"""Can one server reach another, as moves need it: from there, at its direct address, as its mover?

A server connects to another one only for a subscription. So one is made, and rolled back: to make
it, the server signs in over there for replication.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sharding.pools.outages import without_rows
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, login_connection
from sharding.schemas.errors import ServerUnreachable

SUBSCRIBES_SINCE: Final = 160000
"""Before, only a superuser makes subscriptions."""

_NAME: Final = "atoll_reachability"
_SILENT: Final = "SET LOCAL log_min_error_statement TO panic"
# No slot is made and nothing is copied: it signs in, and asks for the publication, of which a
# server that lacks it only warns.
_SUBSCRIBE: Final = sql.SQL(
    """
    CREATE SUBSCRIPTION {name} CONNECTION {conninfo} PUBLICATION {name}
    WITH (connect = true, create_slot = false, slot_name = NONE, enabled = false, copy_data = false)
    """
)
_PATIENCE: Final = replace(BRIEF, statement=timedelta(seconds=4))


def why_unreachable(server: Server, other: Server) -> str:
    """Why `server` cannot stream from `other`; empty: it can.

    Changes nothing on either.
    """
    if server.mover is None or other.mover is None:
        return "the registry has no mover for both"
    conninfo = make_conninfo(**other.direct.parameters(other.mover), connect_timeout=2)
    try:
        with login_connection(server, server.direct, server.mover, _PATIENCE) as connection:
            if connection.info.server_version < SUBSCRIBES_SINCE:
                return ""
            with connection.transaction(force_rollback=True):
                # The statement holds a password; where it fails it is not to be logged.
                connection.execute(_SILENT)
                connection.execute(
                    _SUBSCRIBE.format(name=sql.Identifier(_NAME), conninfo=sql.Literal(conninfo))
                )
    except ServerUnreachable as error:
        return error.reason
    except psycopg.Error as error:
        return without_rows(error)
    return ""
