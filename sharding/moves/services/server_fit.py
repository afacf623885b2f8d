"""Whether a server has what a schema needs: extensions, collations, room in its table of locks."""

from collections.abc import Iterator
from typing import Final

from sharding.moves.types import Refusal
from sharding.schemas.connections import Connection
from sharding.schemas.types import SchemaDescription

_LOCKS_PER_TABLE: Final = 26
"""Of one transaction that makes or drops a table with its indexes, types and constraints; measured
with Django's tables."""
_SHARE: Final = 0.5
"""Of the table of locks, which belongs to all sessions of a server."""

_EXTENSIONS: Final = """
    SELECT DISTINCT x.extname::text, x.extversion
    FROM pg_depend mine
    JOIN pg_depend d ON d.classid = mine.classid AND d.objid = mine.objid
    JOIN pg_depend e ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
      AND e.refclassid = 'pg_extension'::regclass
    JOIN pg_extension x ON x.oid = e.refobjid
    WHERE mine.refclassid = 'pg_namespace'::regclass
      AND mine.refobjid = to_regnamespace(quote_ident(%(schema)s))
      AND x.extname <> 'plpgsql'
    ORDER BY 1
"""
_HAS: Final = "SELECT extname::text, extversion FROM pg_extension WHERE extname = ANY (%(names)s)"

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


def _extensions(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    wanted = dict(at_source.execute(_EXTENSIONS, {"schema": schema}).fetchall())
    has = dict(at_target.execute(_HAS, {"names": list(wanted)}).fetchall())
    for name, version in wanted.items():
        if has.get(name) != version:
            yield Refusal(
                "moves.extension",
                f"Its schema needs the extension {name} {version}; {target} has "
                f"{has.get(name, 'none')}.",
                "Install it there in the schema extensions, or update the older one.",
            )


def _collations(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    wanted = at_source.execute(_COLLATIONS, {"schema": schema}).fetchall()
    names = [name for name, _, _ in wanted]
    has = set(at_target.execute(_KNOWS, {"names": names}).fetchall())
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
