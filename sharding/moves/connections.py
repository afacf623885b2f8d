"""Connections of a mover, and how an older mover is shut out.

A mover's session is called after tenant, move and token, so that whoever takes over can end it.
What it says on a shard is refused by the token of the schema's marker; what it has said already,
and waits for a lock, ends with its session.

Source: docs/adr/0020.
"""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from psycopg import sql
from psycopg.rows import TupleRow

from sharding.moves.errors import EndsChanged, Superseded
from sharding.registry.types import Login, Server
from sharding.schemas.connections import Connection, Patience, login_connection
from sharding.schemas.services.markers import (
    as_marker,
    read_marker,
    reading_marker,
    refuse_phase,
)
from sharding.schemas.types import Marker

# A transaction in which nothing happens is a mover that is frozen, and may hold the fence's locks.
PATIENCE: Final = Patience(
    statement=timedelta(seconds=30), lock=timedelta(seconds=5), idle=timedelta(seconds=5)
)
_STREAM: Final = Patience(
    statement=timedelta(seconds=30), lock=timedelta(seconds=2), idle=timedelta(minutes=5)
)
"""For making a slot, which waits for everybody who writes on that server, in any database. Only
the lock's time ends that wait."""
BULK: Final = Patience(
    statement=timedelta(hours=2), lock=timedelta(seconds=5), idle=timedelta(minutes=10)
)
"""For rows: one statement may be a large table, and nobody waits for what it locks."""

# Autovacuum gives way to whoever has waited for it so long.
_IMPATIENT: Final = "SET deadlock_timeout TO '10ms'"
_AS_OWN: Final = "SET ROLE {own}"
# Rows go in as they are: no foreign key, trigger or guard fires for this session.
_AS_REPLICA: Final = "SET session_replication_role TO replica"

_END_OLDER: Final = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE CASE WHEN application_name LIKE %(prefix)s
               THEN split_part(application_name, ':', 4)::bigint < %(token)s END
"""
_END_WITHIN: Final = timedelta(seconds=10)

DURABLE: Final = "SET LOCAL synchronous_commit TO on"
"""What `make_durable` says, for those who send it with more."""
_AS_MOVER: Final = "RESET ROLE"
_INSIST: Final = """
    UPDATE atoll.tenant_schema SET token = %(token)s
    WHERE schema = %(schema)s AND token <= %(token)s
"""

# The row of a schema that was never here is a tombstone: something to hold the token.
_TAKE: Final = """
    INSERT INTO atoll.tenant_schema AS known (schema, phase, epoch, move_id, token)
    VALUES (%(schema)s, 'tombstone', 0, %(move)s, %(token)s)
    ON CONFLICT (schema) DO UPDATE
    SET token = greatest(known.token, excluded.token),
        move_id = CASE WHEN excluded.token >= known.token THEN excluded.move_id
                       ELSE known.move_id END
    RETURNING token
"""

_SESSION: Final = re.compile(r"mv:([0-9a-z]+):(\d+):(\d+)")

# Of the WAL that is written, since pg_control keeps the old timeline until the next checkpoint.
IDENTITY: Final = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text
           || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""


@dataclass(frozen=True, slots=True)
class Who:
    """A mover: of which move, and with which token."""

    schema: str
    move_id: int
    token: int

    @property
    def session(self) -> str:
        """What its sessions are called."""
        return f"mv:{self.schema}:{self.move_id}:{self.token}"

    @classmethod
    def of_session(cls, name: str) -> Self | None:
        """Whose session is called so; None: no mover's."""
        found = _SESSION.fullmatch(name)
        return cls(found[1], int(found[2]), int(found[3])) if found else None


@contextmanager
def mover_connection(
    server: Server, who: Who, *, replica: bool = False, patience: Patience = PATIENCE
) -> Iterator[Connection]:
    """A direct autocommit connection as the mover in the owner's role.

    replica: what it writes passes guards, foreign keys and triggers.

    Raises:
        Superseded: somebody with a newer token is at work.
        ServerUnreachable: no connection, or it was lost on the way.
    """
    with mover_login(server, patience, who) as connection:
        connection.execute(_IMPATIENT)
        if replica:
            connection.execute(_AS_REPLICA)
        as_owner(connection, server)
        check_token(connection, who)
        yield connection


def stream_connection(server: Server, who: Who) -> AbstractContextManager[Connection]:
    """A direct connection as the mover itself that makes slots.

    Raises:
        as `mover_login`.
    """
    return mover_login(server, _STREAM, who, replication=True)


def mover_login(
    server: Server, patience: Patience, who: Who | None = None, *, replication: bool = False
) -> AbstractContextManager[Connection]:
    """A direct autocommit connection as the mover's login itself.

    who: whoever takes over from that mover ends it; None: it only looks, and belongs to no move.
    replication: it speaks the commands of logical replication too, and takes no parameters.

    Raises:
        EndsChanged: the registry has no mover for this server.
        ServerUnreachable: no connection, or it was lost on the way.
    """
    named = {} if who is None else {"called": who.session}
    return login_connection(
        server, server.direct, mover_of(server), patience, replication=replication, **named
    )


@contextmanager
def as_mover(connection: Connection, server: Server) -> Iterator[None]:
    """Act as the login itself for a block: what replicates is its own, not the owner's.

    Transaction: any, or none. Where a block fails in one, its rollback brings the role back.
    """
    connection.execute(_AS_MOVER)
    yield
    as_owner(connection, server)


def as_owner(connection: Connection, server: Server) -> None:
    """Act in the owner's role."""
    connection.execute(sql.SQL(_AS_OWN).format(own=sql.Identifier(server.own.user)))


def make_durable(connection: Connection) -> None:
    """Let this transaction's commit outlive a crash, whatever the server's default is.

    Transaction: needs one.
    """
    connection.execute(DURABLE)


def in_one_message(connection: Connection, who: Who, *statements: sql.Composable) -> list[TupleRow]:
    """Run statements one after the other: in the pause each question of its own would add to it.

    Returns:
        the rows that they give, all of them together.

    Raises:
        WrongPhase, SchemaMissing: one of them was to change a marker that is not ours to change.
    """
    answer = connection.execute(sql.SQL("; ").join(statements))
    rows: list[TupleRow] = []
    while True:
        if answer.statusmessage == "UPDATE 0":
            refuse_phase(connection, who.schema, token=who.token)
        if answer.description is not None:
            rows += answer.fetchall()
        if not answer.nextset():
            return rows


def insist(connection: Connection, who: Who) -> None:
    """Keep movers with other tokens out until the end of the transaction.

    Transaction: needs one.

    Raises:
        Superseded: somebody with a newer token is at work.
    """
    facts = {"schema": who.schema, "token": who.token}
    if not connection.execute(_INSIST, facts).rowcount:
        raise Superseded(who.schema, token=who.token)


def check_token(connection: Connection, who: Who) -> Marker | None:
    """The schema's marker, if nobody has taken over.

    Raises:
        Superseded: somebody with a newer token is at work.
    """
    marker = read_marker(connection, who.schema)
    if marker is not None and marker.token > who.token:
        raise Superseded(who.schema, token=who.token)
    return marker


def look_at_end(connection: Connection, who: Who) -> tuple[Marker | None, str]:
    """`check_token` and `identity_of`, in one message.

    Raises:
        Superseded: somebody with a newer token is at work.
    """
    *found, (identity,) = in_one_message(
        connection, who, reading_marker(who.schema), sql.SQL(IDENTITY)
    )
    marker = as_marker(found[0] if found else None)
    if marker is not None and marker.token > who.token:
        raise Superseded(who.schema, token=who.token)
    return marker, str(identity)


def take_over(server: Server, who: Who) -> Marker:
    """End the sessions of older movers and write our token; then what the shard says is settled.

    Ended before and after: a session that was just beginning reads the token, or is ended.

    Transaction: one, for the token.
    Idempotent.

    Raises:
        Superseded: somebody with a newer token is at work; nothing was changed.
        ServerUnreachable: call it again.
    """
    with mover_login(server, PATIENCE, who) as connection:
        _end_older(connection, server, who)
        as_owner(connection, server)
        facts = {"schema": who.schema, "move": who.move_id, "token": who.token}
        row = connection.execute(_TAKE, facts).fetchone()
        if row is None or row[0] != who.token:
            raise Superseded(who.schema, token=who.token)
        with as_mover(connection, server):
            _end_older(connection, server, who)
        marker = check_token(connection, who)
        assert marker is not None, "it was just written"
        return marker


def identity_of(connection: Connection) -> str:
    """Which server this is, and on which timeline: a promoted standby has another one."""
    row = connection.execute(IDENTITY).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return str(row[0])


def mover_of(server: Server) -> Login:
    """The login that moves tenants.

    Raises:
        EndsChanged: the registry has none (any more); preflight says so in better words.
    """
    if server.mover is None:
        raise EndsChanged(server.name, "the registry has no mover for it")
    return server.mover


def _end_older(connection: Connection, server: Server, who: Who) -> None:
    gives_up_at = time.monotonic() + _END_WITHIN.total_seconds()
    facts = {"prefix": f"mv:{who.schema}:%", "token": who.token}
    while (row := connection.execute(_END_OLDER, facts).fetchone()) and row[0]:
        if time.monotonic() >= gives_up_at:
            raise EndsChanged(server.name, "sessions of an older mover do not end")
        time.sleep(0.02)
