"""Empty a schema and fill it with other rows, without its own rules in the way meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, LiteralString

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import pin

_RELATIONS = """
    SELECT c.relname, c.relkind::text FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relname <> ALL (%(furniture)s)
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    ORDER BY c.relname
"""

# Those that lead out of the schema stay: to drop one would lock the reference table for every
# tenant of the shard, as long as the filling takes.
_FOREIGN_KEYS = """
    WITH mine AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
          AND classid = 'pg_class'::regclass
    )
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid),
           obj_description(k.oid, 'pg_constraint')
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND k.conrelid IN (SELECT objid FROM mine) AND k.confrelid IN (SELECT objid FROM mine)
    ORDER BY c.relname, k.conname
"""
_TRIGGERS = """
    SELECT c.relname, t.tgname, t.tgenabled::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
      AND t.tgrelid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    ORDER BY c.relname, t.tgname
"""

_TRUNCATE = "TRUNCATE {tables}"
_DROP_KEY = "ALTER TABLE {table} DROP CONSTRAINT {name}"
_ADD_KEY = "ALTER TABLE {table} ADD CONSTRAINT {name} {rule}"
_COMMENT = "COMMENT ON CONSTRAINT {name} ON {table} IS {comment}"
_DISABLE = "ALTER TABLE ONLY {table} DISABLE TRIGGER {name}"
_ENABLE: Final[dict[str, LiteralString]] = {
    "O": "ALTER TABLE ONLY {table} ENABLE TRIGGER {name}",
    "A": "ALTER TABLE ONLY {table} ENABLE ALWAYS TRIGGER {name}",
    "R": "ALTER TABLE ONLY {table} ENABLE REPLICA TRIGGER {name}",
}
_REFRESH = "REFRESH MATERIALIZED VIEW {table}"
_CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"


@contextmanager
def refill(connection: Connection, schema: str) -> Iterator[None]:
    """Take all rows out of `schema`; the block puts others in, in any order of the tables.

    Meanwhile there are no foreign keys inside the schema and no triggers, so rows go in as they
    are; at the end both are there again and hold. All of it is one transaction: a block that
    raises, or a process that is killed, leaves the rows of before.

    For a schema that serves nobody: every table is locked until the end.

    Locks: every table of the schema, ACCESS EXCLUSIVE.
    Transaction: opens one, pinned (`transfer.pin`); forbids an open one.

    Raises:
        psycopg.errors.ForeignKeyViolation: rows refer to what is not there.
    """
    with connection.transaction():
        pin(connection, schema)
        facts = {"schema": schema, "furniture": [names.WRITE_PERMIT, names.HEARTBEAT]}
        relations = connection.execute(_RELATIONS, facts).fetchall()
        keys = connection.execute(_FOREIGN_KEYS, facts).fetchall()
        triggers = connection.execute(_TRIGGERS, facts).fetchall()
        for table, name, _ in triggers:
            connection.execute(_compose(_DISABLE, schema, table, name=sql.Identifier(name)))
        for table, name, *_ in keys:
            connection.execute(_compose(_DROP_KEY, schema, table, name=sql.Identifier(name)))
        if tables := [name for name, kind in relations if kind != "m"]:
            listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in tables)
            connection.execute(sql.SQL(_TRUNCATE).format(tables=listed))
        yield
        check_now(connection)
        for table, name, rule, comment in keys:
            named = sql.Identifier(name)
            # As the catalogue wrote it, with the schema in the path, and nobody else.
            connection.execute(_compose(_ADD_KEY, schema, table, name=named, rule=sql.SQL(rule)))
            if comment is not None:
                told = sql.Literal(comment)
                connection.execute(_compose(_COMMENT, schema, table, name=named, comment=told))
        for table, name, state in triggers:
            named = sql.Identifier(name)
            connection.execute(_compose(_ENABLE[state], schema, table, name=named))
        for view in (name for name, kind in relations if kind == "m"):
            connection.execute(_compose(_REFRESH, schema, view))


def check_now(connection: Connection) -> None:
    """Have the foreign keys that lead out of the schema checked, before the end of the block.

    Tables with unchecked rows take no ALTER TABLE either.

    Transaction: the caller's.

    Raises:
        psycopg.errors.ForeignKeyViolation: rows refer to what is not there.
    """
    connection.execute(_CHECK_NOW)


def _compose(
    statement: LiteralString, schema: str, table: str, **parts: sql.Composable
) -> sql.Composed:
    return sql.SQL(statement).format(table=sql.Identifier(schema, table), **parts)
