"""The two streams of a move: what carries changes from one copy to the other.

One leads `there`, from where the move began to where it went, one `back`. Each has a slot and a
publication where the changes are made, and a subscription where they go. Both are `origin = none`:
what one has brought the other does not carry back, so both may run at once. What they bring passes
the guards, since the server applies it as a replica.

Their names begin with the move's, so that whoever takes a move over finds all that older movers
have made, whatever they came to write down.

Source: docs/adr/0026; facts measured on 16 and 18.
"""

import re
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sharding.moves.connections import (
    Who,
    as_mover,
    insist,
    mover_connection,
    mover_of,
    stream_connection,
)
from sharding.moves.errors import CopyFailed, EndsChanged
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.tables import has_schema

OLDEST_VERSION: Final = 160000
"""Before, a stream does not know what another one has brought (`origin`), and only a superuser
may subscribe."""


class Direction(StrEnum):
    """Of the two streams of a move."""

    THERE = "there"
    BACK = "back"

    @property
    def key(self) -> int:
        """Its row of the heartbeat table."""
        return 1 if self is Direction.THERE else 2

    @property
    def other(self) -> "Direction":
        """The one that leads the other way."""
        return Direction.BACK if self is Direction.THERE else Direction.THERE


_OF_A_MOVE: Final = re.compile(r"mv_([0-9a-z]+)_(\d+)_")

_PUBLISH: Final = "CREATE PUBLICATION {name} FOR TABLE {tables}"
_ONE_TABLE: Final = "ONLY {table}"
_MAKE_SLOT: Final = "CREATE_REPLICATION_SLOT {name} LOGICAL pgoutput (SNAPSHOT {snapshot})"
TRY_SLOT_FOR: Final = timedelta(seconds=60)
"""A slot is not had before everybody who writes on its server has ended."""
_BETWEEN_S: Final = 0.1

# Its conninfo holds a password, which no log is to have.
_UNLOGGED: Final = "SET LOCAL log_min_error_statement TO panic"
# It looks tables up as the mover, and writes to them as their owner.
_LOOK_IN: Final = "GRANT USAGE ON SCHEMA {schema} TO {mover}"
_LOOK_NO_MORE: Final = "REVOKE USAGE ON SCHEMA {schema} FROM {mover}"
_SUBSCRIBE: Final = """
    CREATE SUBSCRIPTION {name} CONNECTION {conninfo} PUBLICATION {name}
    WITH (create_slot = false, slot_name = {slot}, copy_data = false, enabled = true,
          origin = none, disable_on_error = false)
"""

# It signs in at the other server, and makes nothing there.
_TRY: Final = """
    CREATE SUBSCRIPTION {name} CONNECTION {conninfo} PUBLICATION {name}
    WITH (create_slot = false, slot_name = NONE, copy_data = false, enabled = false)
"""

_SUBSCRIPTIONS: Final = """
    SELECT subname FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND starts_with(subname, %(prefix)s)
"""
_STOP: Final = "ALTER SUBSCRIPTION {name} DISABLE"
_WORKS: Final = """
    SELECT EXISTS (SELECT FROM pg_stat_subscription WHERE subname = %(name)s AND pid IS NOT NULL)
"""
_LEAVE_SLOT: Final = "ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"
_UNSUBSCRIBE: Final = "DROP SUBSCRIPTION {name}"

# Where two shards are databases of one server, each takes away its own.
_SLOTS: Final = """
    SELECT slot_name FROM pg_replication_slots
    WHERE database = current_database() AND starts_with(slot_name, %(prefix)s)
"""
_END_SENDER: Final = """
    SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
    WHERE slot_name = %(name)s AND active_pid IS NOT NULL
"""
_DROP_SLOT: Final = """
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %(name)s
"""
_PUBLICATIONS: Final = "SELECT pubname FROM pg_publication WHERE starts_with(pubname, %(prefix)s)"
_PUBLISHED: Final = """
    SELECT tablename FROM pg_publication_tables WHERE pubname = %(name)s
"""
_UNPUBLISH: Final = "DROP PUBLICATION {name}"

# A server that may keep no more for it says so of a slot, and keeps its row.
_IS_WHOLE: Final = """
    SELECT EXISTS (SELECT FROM pg_replication_slots
                   WHERE slot_name = %(name)s AND wal_status IS DISTINCT FROM 'lost')
"""

_BEAT: Final = "UPDATE {heartbeat} SET v = {value} WHERE k = {key}"
_BEATEN: Final = "SELECT v = %(value)s FROM {heartbeat} WHERE k = %(key)s"
_POLL_EVERY_S: Final = 0.0005
_AWAY_WITHIN: Final = timedelta(seconds=15)


def prefix_of(schema: str, move_id: int) -> str:
    """How the names of all that a move makes for its streams begin."""
    return f"mv_{schema}_{move_id}_"


def move_of(name: str) -> tuple[str, int] | None:
    """The schema and the move of which something is called so; None: of no move's streams."""
    found = _OF_A_MOVE.match(name)
    return (found[1], int(found[2])) if found else None


def name_of(base: str, direction: Direction) -> str:
    """What slot, publication and subscription of one stream are called."""
    return f"{base}_{direction}"


def base_of(who: Who) -> str:
    """How the names of one mover's streams begin."""
    return f"{prefix_of(who.schema, who.move_id)}{who.token}"


def publish(connection: Connection, who: Who, name: str, tables: Collection[str]) -> None:
    """Say which tables a stream carries: these, and the heartbeat.

    Transaction: one, of its own.

    Raises:
        Superseded: somebody with a newer token is at work; nothing was made.
    """
    listed = sql.SQL(", ").join(
        sql.SQL(_ONE_TABLE).format(table=sql.Identifier(who.schema, table))
        for table in (*tables, names.HEARTBEAT)
    )
    with connection.transaction():
        insist(connection, who)
        connection.execute(sql.SQL(_PUBLISH).format(name=sql.Identifier(name), tables=listed))


def published_tables(connection: Connection, name: str) -> frozenset[str]:
    """The tables that a stream carries."""
    return frozenset(table for (table,) in connection.execute(_PUBLISHED, {"name": name}))


def is_whole(connection: Connection, name: str) -> bool:
    """Whether a slot is there that still has all that was not read from it."""
    row = connection.execute(_IS_WHOLE, {"name": name}).fetchone()
    return row is not None and bool(row[0])


@contextmanager
def slot(server: Server, who: Who, name: str, *, export: bool) -> Iterator[str]:
    """Make a slot; within the block its snapshot can be used, if it was to be exported.

    Making it waits for every transaction on that server that writes now. Who writes there for very
    long, whoever it is, ends the move, not the server's work.

    Raises:
        CopyFailed: somebody wrote for a minute; there is no slot.
    """
    gives_up_at = time.monotonic() + TRY_SLOT_FOR.total_seconds()
    make = sql.SQL(_MAKE_SLOT).format(
        name=sql.Identifier(name), snapshot=sql.Literal("export" if export else "nothing")
    )
    with stream_connection(server, who) as connection:
        while True:
            try:
                made = connection.execute(make).fetchone()
            except psycopg.errors.LockNotAvailable as error:
                if time.monotonic() >= gives_up_at:
                    raise CopyFailed(
                        f"a transaction on {server.name} has been writing for longer than "
                        f"{TRY_SLOT_FOR.total_seconds():g} s, in some database of that server"
                    ) from error
                time.sleep(_BETWEEN_S)
            else:
                break
        assert made is not None, "the command answers with one row"
        yield str(made[2] or "")


def subscribe(connection: Connection, at: Server, to: Server, who: Who, name: str) -> None:
    """Let this shard follow the other one.

    Its slot and publication are there.

    Transaction: one, of its own.

    Raises:
        Superseded: somebody with a newer token is at work; nothing was made.
        psycopg.Error: this server does not reach the other one, or may not; nothing was made.
    """
    made = sql.SQL(_SUBSCRIBE).format(
        name=sql.Identifier(name),
        slot=sql.Literal(name),
        conninfo=sql.Literal(_conninfo(to)),
    )
    with connection.transaction():
        insist(connection, who)
        connection.execute(_of_mover(_LOOK_IN, at, who.schema))
        with as_mover(connection, at):
            connection.execute(_UNLOGGED)
            connection.execute(made)


def try_to_follow(connection: Connection, at: Server, to: Server) -> None:
    """Let this shard sign in at the other one as a stream would. Nothing is left of it.

    Transaction: one, of its own, taken back.

    Raises:
        psycopg.Error: this server does not reach the other one, or may not.
    """
    # A publication of this name is nowhere; that is no error before something is followed.
    name = sql.Identifier(f"mv_try_{secrets.token_hex(4)}")
    tried = sql.SQL(_TRY).format(name=name, conninfo=sql.Literal(_conninfo(to)))
    with connection.transaction(force_rollback=True), as_mover(connection, at):
        connection.execute(_UNLOGGED)
        connection.execute(tried)


def beat(connection: Connection, schema: str, direction: Direction) -> int:
    """Send something through a stream that nobody has sent before; return it."""
    value = new_beat()
    connection.execute(beating(schema, direction, value))
    return value


def new_beat() -> int:
    """Something that nobody has sent before."""
    return secrets.randbits(62)


def beating(schema: str, direction: Direction, value: int) -> sql.Composed:
    """The one statement that `beat` runs."""
    return sql.SQL(_BEAT).format(
        heartbeat=sql.Identifier(schema, names.HEARTBEAT),
        value=sql.Literal(value),
        key=sql.Literal(direction.key),
    )


def await_beat(
    connection: Connection, schema: str, direction: Direction, value: int, *, within: timedelta
) -> timedelta | None:
    """Wait until it has arrived; how long that took, None: longer than was to be waited."""
    began = time.monotonic()
    asked = _of_heartbeat(_BEATEN, schema)
    facts = {"value": value, "key": direction.key}
    while True:
        row = connection.execute(asked, facts).fetchone()
        waited = time.monotonic() - began
        if row is not None and row[0]:
            return timedelta(seconds=waited)
        if waited >= within.total_seconds():
            return None
        time.sleep(_POLL_EVERY_S)


def end_streams(server: Server, who: Who) -> None:
    """Take away all that this move has made for streams on one shard, by whatever mover.

    The other shard may be away: none of it asks there.

    Idempotent.
    """
    prefix = prefix_of(who.schema, who.move_id)
    facts = {"prefix": prefix}
    with mover_connection(server, who) as connection:
        with as_mover(connection, server):
            for (name,) in connection.execute(_SUBSCRIPTIONS, facts).fetchall():
                _unsubscribe(connection, server, name)
            for (name,) in connection.execute(_SLOTS, facts).fetchall():
                _drop_slot(connection, server, name)
        for (name,) in connection.execute(_PUBLICATIONS, facts).fetchall():
            connection.execute(_named(_UNPUBLISH, name))
        if has_schema(connection, who.schema):
            connection.execute(_of_mover(_LOOK_NO_MORE, server, who.schema))


def _conninfo(to: Server) -> str:
    return make_conninfo(
        **to.direct.parameters(mover_of(to)),
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
    )


def _unsubscribe(connection: Connection, server: Server, name: str) -> None:
    gives_up_at = time.monotonic() + _AWAY_WITHIN.total_seconds()
    connection.execute(_named(_STOP, name))
    while (row := connection.execute(_WORKS, {"name": name}).fetchone()) and row[0]:
        if time.monotonic() >= gives_up_at:
            raise EndsChanged(server.name, f"the worker of subscription {name} does not end")
        time.sleep(0.01)
    with connection.transaction():
        # Without it the other server would be asked to drop the slot, which may be away.
        connection.execute(_named(_LEAVE_SLOT, name))
        connection.execute(_named(_UNSUBSCRIBE, name))


def _drop_slot(connection: Connection, server: Server, name: str) -> None:
    gives_up_at = time.monotonic() + _AWAY_WITHIN.total_seconds()
    while True:
        connection.execute(_END_SENDER, {"name": name})
        try:
            connection.execute(_DROP_SLOT, {"name": name})
        except psycopg.errors.ObjectInUse as error:
            # The subscription at the other end has connected again.
            if time.monotonic() >= gives_up_at:
                raise EndsChanged(server.name, f"slot {name} stays in use") from error
            time.sleep(0.01)
        else:
            return


def _of_mover(statement: LiteralString, server: Server, schema: str) -> sql.Composed:
    return sql.SQL(statement).format(
        schema=sql.Identifier(schema), mover=sql.Identifier(mover_of(server).user)
    )


def _named(statement: LiteralString, name: str) -> sql.Composed:
    return sql.SQL(statement).format(name=sql.Identifier(name))


def _of_heartbeat(statement: LiteralString, schema: str) -> sql.Composed:
    return sql.SQL(statement).format(heartbeat=sql.Identifier(schema, names.HEARTBEAT))
