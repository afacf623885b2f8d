"""Guards and grants on every table of a schema, in the transaction that made the table."""

from collections.abc import Callable

from psycopg import sql

from sharding.schemas import names

Execute = Callable[[sql.Composed], object]
"""Runs one statement on the connection whose transaction made the tables."""

# One statement, so that whoever has a cursor can furnish. pg_depend and not relnamespace: there is
# no index on pg_class by namespace, and a shard has tens of thousands of relations.
# A schema whose guards are armed stays armed: a table added there must refuse writes as well.
_FURNISH = """
DO $furnish$
DECLARE
    home constant text := {schema};
    armed boolean := {armed};
    rel record;
BEGIN
    FOR rel IN
        SELECT c.relname, c.relkind, c.oid,
               c.relkind IN ('r', 'p') AND c.relname NOT IN ({permit}, {heartbeat}) AND NOT EXISTS (
                   SELECT FROM pg_trigger t
                   WHERE t.tgrelid = c.oid AND t.tgname = {guard}
               ) AS unguarded,
               CASE
                   WHEN c.relname IN ({permit}, {heartbeat}) THEN false
                   WHEN c.relkind = 'S'
                       THEN NOT has_sequence_privilege(home, c.oid, 'USAGE')
                   WHEN c.relkind IN ('v', 'm')
                       THEN NOT has_table_privilege(home, c.oid, 'SELECT')
                   ELSE NOT (
                       has_table_privilege(home, c.oid, 'SELECT')
                       AND has_table_privilege(home, c.oid, 'INSERT')
                       AND has_table_privilege(home, c.oid, 'UPDATE')
                       AND has_table_privilege(home, c.oid, 'DELETE')
                   )
               END AS ungranted
        FROM pg_class c
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.oid IN (
              SELECT objid FROM pg_depend
              WHERE refclassid = 'pg_namespace'::regclass
                AND refobjid = quote_ident(home)::regnamespace
                AND classid = 'pg_class'::regclass
          )
        ORDER BY c.relname
    LOOP
        IF rel.unguarded THEN
            IF armed IS NULL THEN
                -- A table with rows whose checks are deferred takes no ALTER TABLE.
                SET CONSTRAINTS ALL IMMEDIATE;
                SELECT coalesce(bool_or(t.tgenabled <> 'D'), false) INTO armed
                FROM pg_trigger t
                WHERE t.tgname = {guard}
                  AND t.tgrelid IN (
                      SELECT objid FROM pg_depend
                      WHERE refclassid = 'pg_namespace'::regclass
                        AND refobjid = quote_ident(home)::regnamespace
                        AND classid = 'pg_class'::regclass
                  );
            END IF;
            EXECUTE format(
                'CREATE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I.%I'
                ' FOR EACH STATEMENT EXECUTE FUNCTION {support}.guard()',
                {guard}, home, rel.relname
            );
            IF NOT armed THEN
                EXECUTE format(
                    'ALTER TABLE ONLY %I.%I DISABLE TRIGGER %I', home, rel.relname, {guard}
                );
            END IF;
        END IF;
        IF rel.ungranted THEN
            EXECUTE format(
                CASE rel.relkind
                    WHEN 'S' THEN 'GRANT USAGE, SELECT ON SEQUENCE %I.%I TO %I'
                    WHEN 'v' THEN 'GRANT SELECT ON %I.%I TO %I'
                    WHEN 'm' THEN 'GRANT SELECT ON %I.%I TO %I'
                    ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %I'
                END,
                home, rel.relname, home
            );
        END IF;
    END LOOP;
END
$furnish$
"""


def furnish(execute: Execute, schema: str) -> None:
    """Give every table of `schema` its guard (disarmed) and its tenant's rights, where missing.

    Partitions and inheritance members are tables as well: a write reaches a member both directly
    and through its parent, so each carries a guard.

    Transaction: the caller's, and it must be the one that made the tables; a table that is ever
    visible without a guard is one whose writes a move could lose.
    Locks: SHARE ROW EXCLUSIVE on each table that lacked a guard.
    Idempotent: it changes what is missing and nothing else.
    Source: docs/architecture.md, Schemas.
    """
    execute(furnishing(schema))


def furnishing(schema: str, *, armed: bool | None = None) -> sql.Composed:
    """The one statement that `furnish` runs.

    armed: whether new guards are; None: as those are that the schema has.
    """
    return sql.SQL(_FURNISH).format(
        schema=sql.Literal(schema),
        armed=sql.Literal(armed),
        permit=sql.Literal(names.WRITE_PERMIT),
        heartbeat=sql.Literal(names.HEARTBEAT),
        guard=sql.Literal(names.GUARD),
        support=sql.Identifier(names.SUPPORT),
    )
