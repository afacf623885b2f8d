"""Whether streams can carry a tenant, and which mode suits it. Changes nothing."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from psycopg import sql

from sharding.moves.connections import mover_of
from sharding.moves.core.choosing import Choice, Load, choose_mode, needs_a_look
from sharding.moves.services.stream_ways import slots_wait
from sharding.moves.services.streams import OLDEST_VERSION
from sharding.moves.types import MoveRequest, Refusal
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection

_SPARE: Final = 2
"""Slots and senders that are left for others: a standby, a backup."""

_SETTINGS: Final = """
    SELECT current_setting('wal_level'),
           current_setting('max_replication_slots')::int
               - (SELECT count(*)::int FROM pg_replication_slots),
           current_setting('max_wal_senders')::int
               - (SELECT count(*)::int FROM pg_stat_replication),
           current_setting('max_logical_replication_workers')::int
               - (SELECT count(*)::int FROM pg_subscription),
           coalesce(current_setting('max_active_replication_origins', true),
                    current_setting('max_replication_slots'))::int
               - (SELECT count(*)::int FROM pg_subscription),
           -- One is the launcher's.
           current_setting('max_worker_processes')::int - 1
               - (SELECT count(*)::int FROM pg_subscription)
"""
_RIGHTS: Final = """
    SELECT (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = {mover}),
           pg_has_role({mover}, 'pg_create_subscription', 'USAGE'),
           has_database_privilege({mover}, current_database(), 'CREATE'),
           has_parameter_privilege({mover}, 'log_min_error_statement', 'SET')
"""
_LACKING: Final = (
    "it may not replicate (REPLICATION)",
    "it may not make subscriptions (pg_create_subscription)",
    "it may not make anything in the database (CREATE)",
    "it may not keep its passwords out of the log (SET log_min_error_statement)",
)

# Without one an UPDATE of a table that is published fails, whoever does it. What is reckoned at
# either end does not travel, and so cannot name a row.
_UNFIT: Final = """
    SELECT c.relname,
           CASE WHEN c.relreplident IN ('n', 'f') THEN 'replica identity'
                WHEN named.key IS NULL THEN 'primary key by which a stream could name its rows'
                ELSE 'primary key without a generated column' END
    FROM pg_class c
    LEFT JOIN LATERAL (
        SELECT i.indkey AS key FROM pg_index i
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
          AND (i.indisreplident OR (c.relreplident = 'd' AND i.indisprimary))
        LIMIT 1
    ) named ON true
    WHERE c.relkind = 'r' AND c.relname <> ALL (%(furniture)s)
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
      AND (c.relreplident IN ('n', 'f') OR named.key IS NULL OR EXISTS (
          SELECT FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum = ANY (named.key) AND a.attgenerated <> ''
      ))
    ORDER BY c.relname
"""

_WRITTEN: Final = """
    SELECT relid, n_tup_ins + n_tup_upd + n_tup_del, pg_total_relation_size(relid)
    FROM pg_stat_user_tables WHERE schemaname = %(schema)s
"""
_LOOKS_FOR: Final = timedelta(milliseconds=1200)
"""Sessions report what they have written once a second."""

Found = Iterator[Refusal]


def unfit_for_streams(
    at_source: Connection, at_target: Connection, source: Server, target: Server, schema: str
) -> Found:
    """Why no stream can carry this tenant between these shards.

    Both are connections of movers, in the owner's role.
    """
    for connection, server in ((at_source, source), (at_target, target)):
        found = [*_of_server(connection, server)]
        yield from found
        if found:
            return
        yield from slots_wait(connection, server)
    facts = {"schema": schema, "furniture": [names.WRITE_PERMIT, names.HEARTBEAT]}
    for table, lacks in at_source.execute(_UNFIT, facts).fetchall():
        yield Refusal(
            "moves.no_identity",
            f"Table {table} has no {lacks}.",
            "Use --mode block, or give it one.",
        )


def suited(
    request: MoveRequest, connection: Connection, schema: str, *, size: int, against: str
) -> Choice:
    """The mode that was asked for, or the one that suits the tenant.

    against: the first thing that speaks against logical mode; empty: nothing.
    """
    if request.mode is not None:
        return Choice(request.mode, f"{request.mode} mode, as it was asked for.")
    written = 0
    if not against and needs_a_look(size, request.max_pause):
        written = _written_bytes(connection, schema)
    return choose_mode(Load(size, written), budget=request.max_pause, why_not_logical=against)


def _written_bytes(connection: Connection, schema: str) -> int:
    before = {
        relid: writes for relid, writes, _ in connection.execute(_WRITTEN, {"schema": schema})
    }
    time.sleep(_LOOKS_FOR.total_seconds())
    return sum(
        size
        for relid, writes, size in connection.execute(_WRITTEN, {"schema": schema})
        if writes != before.get(relid)
    )


def _of_server(connection: Connection, server: Server) -> Found:
    if connection.info.server_version < OLDEST_VERSION:
        yield Refusal(
            "moves.too_old_for_streams",
            f"{server.name} runs PostgreSQL {connection.info.server_version // 10000}, whose "
            "streams do not know where a change comes from.",
            "Use --mode block, or move it by way of PostgreSQL 16 or newer.",
        )
        return
    row = connection.execute(_SETTINGS).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    level, *free = row
    if level != "logical":
        yield Refusal(
            "moves.not_logical",
            f"wal_level of {server.name} is {level}.",
            "Set it to logical and restart the server, or use --mode block.",
        )
    for setting, left in zip(
        (
            "max_replication_slots",
            "max_wal_senders",
            "max_logical_replication_workers",
            "max_active_replication_origins",
            "max_worker_processes",
        ),
        free,
        strict=True,
    ):
        if left <= _SPARE:
            yield Refusal(
                "moves.no_streams_left",
                f"{server.name} has {max(0, left)} left of {setting}, and {_SPARE} are kept free.",
                "End a soak with `manage.py finish_move`, raise it and restart the server, or "
                "use --mode block.",
            )
    mover = mover_of(server).user
    asked = sql.SQL(_RIGHTS).format(mover=sql.Literal(mover))
    has = connection.execute(asked).fetchone() or (False,) * len(_LACKING)
    for right, lacking in zip(has, _LACKING, strict=True):
        if not right:
            yield Refusal(
                "moves.stream_rights",
                f"The mover of {server.name} lacks a right for streams: {lacking}.",
                f"Run `manage.py add_shard {server.name}` with the arguments of its first run, "
                "or use --mode block.",
            )
