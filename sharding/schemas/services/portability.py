"""What ties a schema to the database where it lies, so that it cannot be served elsewhere."""

from typing import Final

from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import in_the_way

# A foreign key that leads to a reference table is the same everywhere.
_TIES: Final = """
    WITH mine AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
          AND classid = 'pg_class'::regclass
    ), shared AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(%(reference)s::text)
          AND classid = 'pg_class'::regclass
    )
    SELECT format('the foreign key %%s of %%s leads to %%s', conname, conrelid::regclass,
                  confrelid::regclass)
    FROM pg_constraint
    WHERE contype = 'f' AND conrelid IN (SELECT objid FROM mine)
      AND confrelid NOT IN (SELECT objid FROM mine UNION ALL SELECT objid FROM shared)
    UNION ALL
    SELECT format('the foreign key %%s of %%s leads to %%s', conname, conrelid::regclass,
                  confrelid::regclass)
    FROM pg_constraint
    WHERE contype = 'f' AND confrelid IN (SELECT objid FROM mine)
      AND conrelid NOT IN (SELECT objid FROM mine)
    UNION ALL
    SELECT format('%%s is a part of %%s', inhrelid::regclass, inhparent::regclass)
    FROM pg_inherits
    WHERE (inhrelid IN (SELECT objid FROM mine)) <> (inhparent IN (SELECT objid FROM mine))
    UNION ALL
    SELECT format('the trigger %%s of %%s fires for copied rows too', tgname, tgrelid::regclass)
    FROM pg_trigger
    WHERE tgrelid IN (SELECT objid FROM mine) AND NOT tgisinternal AND tgenabled IN ('A', 'R')
    UNION ALL
    SELECT format('%%s is a materialized view, which arrives empty', c.oid::regclass)
    FROM pg_class c WHERE c.oid IN (SELECT objid FROM mine) AND c.relkind = 'm'
    ORDER BY 1
"""


def ties_of(connection: Connection, schema: str) -> tuple[str, ...]:
    """One sentence for each thing in `schema` that a copy elsewhere would not have, or not truly.

    Transaction: any, or none.
    """
    facts = {"schema": schema, "reference": names.REFERENCE}
    ties = tuple(told for (told,) in connection.execute(_TIES, facts))
    return (*in_the_way(connection, schema), *ties)
