"""Look at a schema that is to be adopted: what lies in it, and what it needs from outside."""

import re
from typing import Final

from migrations_tools.drift.services.measure import migrations_of
from sharding.schemas import names
from sharding.schemas.connections import Connection
from tenants.adoption.types import SHARED, Leaving, Survey

# With pg_catalog alone on the path, every name is printed with its schema.
_PRINT_ALL: Final = "SET LOCAL search_path TO pg_catalog"

_SCHEMA: Final = """
    SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %(schema)s
"""
_TABLES: Final = """
    SELECT c.relname, c.relkind::text, c.relpersistence::text, greatest(c.reltuples, 0)::bigint
    FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND c.relkind IN ('r', 'p', 'f')
"""
_LEAVING: Final = """
    SELECT con.conname, mine.relname,
           (SELECT array_agg(a.attname::text ORDER BY k.n)
            FROM unnest(con.conkey) WITH ORDINALITY k (num, n)
            JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num),
           home.nspname, theirs.relname,
           (SELECT array_agg(a.attname::text ORDER BY k.n)
            FROM unnest(con.confkey) WITH ORDINALITY k (num, n)
            JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.num),
           pg_get_constraintdef(con.oid)
    FROM pg_constraint con
    JOIN pg_class mine ON mine.oid = con.conrelid
    JOIN pg_class theirs ON theirs.oid = con.confrelid
    JOIN pg_namespace home ON home.oid = theirs.relnamespace
    WHERE con.contype = 'f' AND con.conparentid = 0
      AND mine.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND theirs.relnamespace <> mine.relnamespace
    ORDER BY mine.relname, con.conname
"""

# Own objects are those of the namespace, and what belongs to them (indexes, rules of views, column
# defaults); what these refer to and lies elsewhere is what would break.
_OUTWARD: Final = """
    WITH RECURSIVE mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
        UNION
        SELECT d.classid, d.objid
        FROM pg_depend d JOIN mine m ON d.refclassid = m.classid AND d.refobjid = m.objid
        WHERE d.deptype IN ('a', 'i')
    )
    SELECT DISTINCT own.type || ' ' || own.identity, other.type || ' ' || other.identity,
           extension.extname
    FROM pg_depend d
    JOIN mine m ON d.classid = m.classid AND d.objid = m.objid
    CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) own
    CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) other
    LEFT JOIN pg_depend part ON part.classid = d.refclassid AND part.objid = d.refobjid
        AND part.deptype = 'e'
    LEFT JOIN pg_extension extension ON extension.oid = part.refobjid
    WHERE other.schema IS NOT NULL
      -- It is printed in quotes where it needs them.
      AND other.schema NOT IN (quote_ident(%(schema)s), 'pg_catalog', 'pg_toast',
                               'information_schema', %(extensions)s)
      AND NOT EXISTS (
          SELECT FROM pg_constraint
          WHERE d.classid = 'pg_constraint'::regclass AND oid = d.objid AND contype = 'f'
      )
      AND NOT EXISTS (
          SELECT FROM pg_trigger
          WHERE d.classid = 'pg_trigger'::regclass AND oid = d.objid AND tgisinternal
      )
    ORDER BY 1, 2
"""

_OWN_NAME: Final = """
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = to_regnamespace(quote_ident(%(schema)s))
      AND (prosrc ~ %(pattern)s OR array_to_string(proconfig, ' ') ~ %(pattern)s)
"""
_KINDS: Final = {"f": "a foreign table", "u": "an unlogged table"}


def look_at_schema(connection: Connection, schema: str) -> Survey | None:
    """What lies in `schema`; None when there is none.

    Transaction: the caller's, who may write nothing in it before.
    """
    connection.execute(_PRINT_ALL)
    row = connection.execute(_SCHEMA, {"schema": schema}).fetchone()
    if row is None:
        return None
    tables: set[str] = set()
    odd: list[str] = []
    rows = 0
    for name, kind, persistence, tuples in connection.execute(_TABLES, {"schema": schema}):
        tables.add(name)
        rows += tuples
        what = _KINDS.get(kind) or _KINDS.get(persistence)
        if what:
            odd.append(f"{name} is {what}")
    # A word: tenants are often called like a column. The name may hold anything.
    pattern = rf"(^|\W){re.escape(schema)}($|\W)"
    return Survey(
        schema=schema,
        owner=row[0],
        tables=frozenset(tables),
        shared=frozenset(
            name for name, *_ in connection.execute(_TABLES, {"schema": SHARED}).fetchall()
        ),
        migrations=migrations_of(connection, schema),
        leaving=_leaving(connection, schema),
        outward=_outward(connection, schema),
        own_name=tuple(
            signature
            for (signature,) in connection.execute(
                _OWN_NAME, {"schema": schema, "pattern": pattern}
            )
        ),
        odd=tuple(odd),
        rows=rows,
    )


def _leaving(connection: Connection, schema: str) -> tuple[Leaving, ...]:
    return tuple(
        Leaving(constraint, table, tuple(columns), to_schema, to_table, tuple(to_columns), text)
        for constraint, table, columns, to_schema, to_table, to_columns, text in connection.execute(
            _LEAVING, {"schema": schema}
        )
    )


def _outward(connection: Connection, schema: str) -> tuple[str, ...]:
    facts = {"schema": schema, "extensions": names.EXTENSIONS}
    told = []
    for own, other, extension in connection.execute(_OUTWARD, facts):
        if extension is None:
            told.append(f"{own} needs {other}, which tenants cannot reach")
        else:
            told.append(
                f"{own} needs {other} of the extension {extension}, which has to be moved to the "
                f"schema {names.EXTENSIONS} first"
            )
    return tuple(told)
