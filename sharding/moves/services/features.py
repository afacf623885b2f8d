"""What a schema uses that an older or differently built PostgreSQL does not know."""

from collections.abc import Iterator
from typing import Final

from sharding.moves.types import Refusal
from sharding.schemas.connections import Connection

# Asked of any version: columns that only newer catalogues have are read by name.
_NEWER: Final = """
    WITH tables AS (
        SELECT oid, relname, relkind FROM pg_class WHERE oid IN (
            SELECT objid FROM pg_depend
            WHERE refclassid = 'pg_namespace'::regclass AND classid = 'pg_class'::regclass
              AND refobjid = to_regnamespace(quote_ident(%(schema)s))
        )
    ), fields AS (
        SELECT relname, relkind, a.* FROM tables t
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    ), rules AS (
        SELECT relname, relkind, to_jsonb(k) AS k FROM tables t
        JOIN pg_constraint k ON k.conrelid = t.oid
    )
    SELECT 18, format('%%s.%%s is reckoned when it is read (VIRTUAL)', relname, attname)
    FROM fields WHERE attgenerated = 'v'
    UNION ALL
    SELECT 18, format('%%s of %%s is not enforced', k ->> 'conname', relname)
    FROM rules WHERE k ->> 'conenforced' = 'false'
    UNION ALL
    SELECT 18, format('%%s of %%s is about periods', k ->> 'conname', relname)
    FROM rules WHERE k ->> 'conperiod' = 'true'
    UNION ALL
    SELECT 18, format('%%s of %%s is a NOT NULL with a condition', k ->> 'conname', relname)
    FROM rules WHERE k ->> 'contype' = 'n'
      AND (k ->> 'convalidated' = 'false' OR k ->> 'connoinherit' = 'true')
    UNION ALL
    SELECT 17, format('%%s.%%s is an identity of a partitioned table', relname, attname)
    FROM fields WHERE attidentity <> '' AND relkind = 'p'
    UNION ALL
    SELECT 17, format('%%s of %%s excludes rows of a partitioned table', k ->> 'conname', relname)
    FROM rules WHERE k ->> 'contype' = 'x' AND relkind = 'p'
    ORDER BY 2
"""

_LZ4: Final = """
    SELECT format('%%s.%%s', c.relname, attname) FROM pg_class c
    JOIN pg_attribute ON attrelid = c.oid AND attcompression = 'l' AND NOT attisdropped
    WHERE c.relkind IN ('r', 'p') AND c.oid IN (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND classid = 'pg_class'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
    )
    ORDER BY 1
"""
_KNOWS_LZ4: Final = """
    SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'
"""


def features_unknown(
    at_source: Connection, at_target: Connection, schema: str, target: str
) -> Iterator[Refusal]:
    """What the target could not make as it is at the source."""
    major = at_target.info.server_version // 10000
    if major < at_source.info.server_version // 10000:
        for since, what in at_source.execute(_NEWER, {"schema": schema}).fetchall():
            if major < since:
                yield Refusal(
                    "moves.feature",
                    f"{what}, which PostgreSQL knows from {since} on; {target} runs {major}.",
                    f"Take that back first, or name a shard that runs {since} or newer.",
                )
    packed = at_source.execute(_LZ4, {"schema": schema}).fetchall()
    if packed and at_target.execute(_KNOWS_LZ4).fetchone() != (True,):
        yield Refusal(
            "moves.feature",
            f"{packed[0][0]} is compressed by lz4, which {target} was built without.",
            "ALTER TABLE … ALTER COLUMN … SET COMPRESSION default, or name another shard.",
        )
