"""Whether a server has what a schema needs: extensions, collations, room in its table of locks."""

from collections.abc import Iterator
from typing import Final

from sharding.moves.services.features import features_unknown
from sharding.moves.types import Refusal
from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.types import SchemaDescription

_LOCKS_PER_TABLE: Final = 26
"""Of one transaction that makes or drops a table with its indexes, types and constraints; measured
with Django's tables."""
_SHARE: Final = 0.5
"""Of the table of locks, which belongs to all sessions of a server."""

# An index, a default or a constraint may need one that no table of the schema needs.
_EXTENSIONS: Final = """
    WITH RECURSIVE mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
        UNION
        SELECT d.classid, d.objid FROM pg_depend d JOIN mine ON d.refclassid = mine.classid
          AND d.refobjid = mine.objid
        WHERE d.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass,
                            'pg_rewrite'::regclass, 'pg_policy'::regclass,
                            'pg_constraint'::regclass)
          AND d.deptype IN ('a', 'i', 'P', 'S')
    )
    SELECT DISTINCT x.extname::text, x.extversion, x.extnamespace::regnamespace::text
    FROM mine
    JOIN pg_depend d ON d.classid = mine.classid AND d.objid = mine.objid
    JOIN pg_depend e ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
      AND e.refclassid = 'pg_extension'::regclass
    JOIN pg_extension x ON x.oid = e.refobjid
    WHERE x.extname <> 'plpgsql'
    ORDER BY 1
"""
_HAS: Final = """
    SELECT extname::text, extversion, extnamespace::regnamespace::text
    FROM pg_extension WHERE extname = ANY (%(names)s)
"""

_COLLATIONS: Final = """
    SELECT DISTINCT k.collname::text, k.collprovider::text,
           coalesce(pg_collation_actual_version(k.oid), '')
    FROM pg_depend mine
    JOIN pg_attribute a ON a.attrelid = mine.objid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_collation k ON k.oid = a.attcollation
    WHERE mine.refclassid = 'pg_namespace'::regclass AND mine.classid = 'pg_class'::regclass
      AND mine.refobjid = to_regnamespace(quote_ident(%(schema)s))
      AND k.collname <> 'default'
      AND k.collnamespace <> to_regnamespace(quote_ident(%(schema)s))
    ORDER BY 1
"""
_KNOWS: Final = """
    SELECT collname::text, collprovider::text, coalesce(pg_collation_actual_version(oid), '')
    FROM pg_collation WHERE collname = ANY (%(names)s)
"""

# What belongs to an extension is where that is, and for a reason.
_EVENT_TRIGGERS: Final = """
    SELECT evtname::text FROM pg_event_trigger e
    WHERE evtenabled <> 'D' AND evtevent <> 'login' AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'
    )
    ORDER BY 1
"""

_TABLESPACES: Final = """
    WITH tables AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND classid = 'pg_class'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
    ), placed AS (
        SELECT reltablespace FROM pg_class WHERE oid IN (SELECT objid FROM tables)
        UNION
        SELECT reltablespace FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE indrelid IN (SELECT objid FROM tables)
    )
    SELECT spcname::text FROM placed JOIN pg_tablespace t ON t.oid = reltablespace ORDER BY 1
"""
_MAY_USE: Final = """
    SELECT spcname::text FROM pg_tablespace
    WHERE spcname = ANY (%(names)s) AND has_tablespace_privilege(oid, 'CREATE')
"""

_RELATIONS: Final = """
    SELECT relname::text, c.oid::regclass::text FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relname = ANY (%(names)s) AND n.nspname = ANY (%(schemas)s)
      AND relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 1
"""

_ROOM: Final = """
    SELECT current_setting('max_locks_per_transaction')::int
           * (current_setting('max_connections')::int
              + current_setting('max_prepared_transactions')::int)
"""


def unfit(
    at_source: Connection, at_target: Connection, there: SchemaDescription, *, target: str
) -> Iterator[Refusal]:
    """Why the server called `target` could not serve what is `there` at the source."""
    schema = there.schema
    yield from _extensions(at_source, at_target, schema, target)
    yield from _collations(at_source, at_target, schema, target)
    yield from _locks(at_target, len(there.tables), target)
    yield from _tablespaces(at_source, at_target, schema, target)
    yield from features_unknown(at_source, at_target, schema, target)


def _extensions(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    wanted = at_source.execute(_EXTENSIONS, {"schema": schema}).fetchall()
    called = [name for name, _, _ in wanted]
    has = {
        name: (version, home) for name, version, home in at_target.execute(_HAS, {"names": called})
    }
    for name, version, home in wanted:
        found = has.get(name)
        if found != (version, home):
            is_there = "none" if found is None else f"{found[0]} in {found[1]}"
            yield Refusal(
                "moves.extension",
                f"Its schema needs the extension {name} {version} in {home}; {target} has "
                f"{is_there}.",
                f"Install it there in the schema {home}, or update the older one.",
            )


def _collations(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    wanted = at_source.execute(_COLLATIONS, {"schema": schema}).fetchall()
    called = [name for name, _, _ in wanted]
    has = set(at_target.execute(_KNOWS, {"names": called}).fetchall())
    for name, provider, version in wanted:
        if (name, provider, version) not in has:
            yield Refusal(
                "moves.collation",
                f"Its columns sort by {name} {version}".rstrip() + f", which {target} has not.",
                "Let both servers have the same ICU or C library, or move it by export_tenant and "
                "import_tenant: indexes and unique texts would differ.",
            )


def _locks(at_target: Connection, tables: int, target: str) -> Iterator[Refusal]:
    (room,) = at_target.execute(_ROOM).fetchone() or (0,)
    wanted = tables * _LOCKS_PER_TABLE
    if wanted > room * _SHARE:
        yield Refusal(
            "moves.locks",
            f"Making its {tables} tables takes some {wanted} locks, and all sessions of {target} "
            f"together have {room}.",
            "Raise max_locks_per_transaction there, and restart it.",
        )


def _tablespaces(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    wanted = [name for (name,) in at_source.execute(_TABLESPACES, {"schema": schema})]
    has = {name for (name,) in at_target.execute(_MAY_USE, {"names": wanted})}
    for name in wanted:
        if name not in has:
            yield Refusal(
                "moves.tablespace",
                f"Some of it lies in the tablespace {name}, which {target} has not, or where own "
                "may make nothing.",
                "Make it there and GRANT CREATE ON TABLESPACE to own, or have the tables in the "
                "default one.",
            )


def in_its_way(connection: Connection, there: SchemaDescription, shard: str) -> Iterator[Refusal]:
    """What a shard, be it source or target, has that a move or its tenant would run into.

    connection: of the owner, there.
    """
    for (name,) in connection.execute(_EVENT_TRIGGERS).fetchall():
        yield Refusal(
            "moves.event_trigger",
            f"{shard} has the event trigger {name}: a move makes tables, and takes and gives "
            "rights while writes pause.",
            f"ALTER EVENT TRIGGER {name} DISABLE for the time of the move, or drop it.",
        )
    facts = {
        "names": [table.name for table in there.tables],
        "schemas": [names.REFERENCE, names.EXTENSIONS],
    }
    for name, found in connection.execute(_RELATIONS, facts).fetchall():
        yield Refusal(
            "moves.same_name",
            f"{shard} has {found} beside its table {name}: who finds that one closed would read "
            "the other.",
            "Rename one of them.",
        )
