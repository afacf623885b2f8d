"""Slots, publications and subscriptions that a move has left on one shard: take them away."""

import time
from datetime import timedelta
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from sharding.moves.connections import mover_of
from sharding.moves.errors import EndsChanged
from sharding.registry.types import Server
from sharding.schemas.connections import DEFAULT, Connection, login_connection

_AS_OWN: Final = "SET ROLE {own}"
_SUBSCRIPTIONS: Final = """
    SELECT subname FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND starts_with(subname, %(prefix)s)
"""
_STOP: Final = "ALTER SUBSCRIPTION {name} DISABLE"
# Without this the other server would be asked to drop the slot, and it may be away.
_LEAVE_SLOT: Final = "ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"
_UNSUBSCRIBE: Final = "DROP SUBSCRIPTION {name}"
_SLOTS: Final = """
    SELECT slot_name::text FROM pg_replication_slots
    WHERE database = current_database() AND starts_with(slot_name, %(prefix)s)
"""
_END_READER: Final = """
    SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
    WHERE slot_name = %(name)s AND active_pid IS NOT NULL
"""
_DROP_SLOT: Final = """
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %(name)s
"""
_PUBLICATIONS: Final = """
    SELECT pubname::text FROM pg_publication WHERE starts_with(pubname, %(prefix)s)
"""
_UNPUBLISH: Final = "DROP PUBLICATION {name}"
_WITHIN: Final = timedelta(seconds=15)


def end_left_streams(server: Server, schema: str, move_id: int) -> None:
    """Take away all that this move has for streams on one shard; the other one is not asked.

    Idempotent.

    Raises:
        EndsChanged: somebody goes on using one of them.
        ServerUnreachable: call it again.
    """
    facts = {"prefix": f"mv_{schema}_{move_id}_"}
    with login_connection(server, server.direct, mover_of(server), DEFAULT) as connection:
        for (name,) in connection.execute(_SUBSCRIPTIONS, facts).fetchall():
            connection.execute(_named(_STOP, name))
            with connection.transaction():
                connection.execute(_named(_LEAVE_SLOT, name))
                connection.execute(_named(_UNSUBSCRIBE, name))
        for (name,) in connection.execute(_SLOTS, facts).fetchall():
            _drop_slot(connection, server, name)
        connection.execute(sql.SQL(_AS_OWN).format(own=sql.Identifier(server.own.user)))
        for (name,) in connection.execute(_PUBLICATIONS, facts).fetchall():
            connection.execute(_named(_UNPUBLISH, name))


def _drop_slot(connection: Connection, server: Server, name: str) -> None:
    gives_up_at = time.monotonic() + _WITHIN.total_seconds()
    while True:
        connection.execute(_END_READER, {"name": name})
        try:
            connection.execute(_DROP_SLOT, {"name": name})
        except psycopg.errors.ObjectInUse as error:
            # Whoever reads it has connected again.
            if time.monotonic() >= gives_up_at:
                raise EndsChanged(server.name, f"slot {name} stays in use") from error
            time.sleep(0.02)
        else:
            return


def _named(statement: LiteralString, name: str) -> sql.Composed:
    return sql.SQL(statement).format(name=sql.Identifier(name))
