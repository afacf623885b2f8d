"""The database's side of a move: arm the guards, refuse writes, refuse reads, and back.

Guards are disarmed at rest. Armed, they ask for one privilege on the schema's `write_permit`
table, so that fence and open are one catalogue row each, whatever the number of tables.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, LiteralString

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.connections import Connection

_GUARDED_TABLES = """
    SELECT c.relname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE t.tgname = %(guard)s
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
      AND (t.tgenabled = 'D') = %(disarmed)s
    ORDER BY c.relname
"""

_ENABLE = "ALTER TABLE ONLY {schema}.{table} ENABLE TRIGGER {guard}"
_DISABLE = "ALTER TABLE ONLY {schema}.{table} DISABLE TRIGGER {guard}"
_SET_LOCK_TIMEOUT = "SET LOCAL lock_timeout TO {limit}"
_LOCK: Final = "LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"
_LOOK: Final = "LOCK TABLE {tables} IN ACCESS SHARE MODE"
_GRANT_PERMIT = "GRANT REFERENCES ON {schema}.{permit} TO {schema}"
_REVOKE_PERMIT = "REVOKE REFERENCES ON {schema}.{permit} FROM {schema}"
_GRANT_USAGE = "GRANT USAGE ON SCHEMA {schema} TO {schema}"
_REVOKE_USAGE = "REVOKE USAGE ON SCHEMA {schema} FROM {schema}"

ARM_LOCK_TIMEOUT = timedelta(milliseconds=300)
"""Readers and writers queue behind a waiting ALTER TABLE, so it may not wait long."""


def arm(connection: Connection, schema: str, *, lock_timeout: timedelta = ARM_LOCK_TIMEOUT) -> int:
    """Enable every guard of `schema` and return how many were not. Writes pass as before.

    Transaction: one per table, so that no two tables are locked at once; forbids an open one.
    Idempotent.

    Raises:
        psycopg.errors.LockNotAvailable: a table is in use; those before it are armed.
    """
    return _switch(connection, schema, _ENABLE, disarmed=True, lock_timeout=lock_timeout)


def disarm(
    connection: Connection, schema: str, *, lock_timeout: timedelta = ARM_LOCK_TIMEOUT
) -> int:
    """Disable every guard of `schema` and return how many were not.

    Transaction: one per table; forbids an open one.
    Idempotent.

    Raises:
        psycopg.errors.LockNotAvailable: a table is in use; those before it are disarmed.
    """
    return _switch(connection, schema, _DISABLE, disarmed=False, lock_timeout=lock_timeout)


def guarded_tables(connection: Connection, schema: str) -> list[str]:
    """The tables of `schema` whose guards are armed, by name."""
    return _guarded(connection, schema, disarmed=False)


def locking(schema: str, tables: Collection[str]) -> sql.Composed:
    """The one statement that waits for whoever has written to these tables, and keeps new ones out.

    Without it a fence holds new writes only: whoever is in the middle of one commits after it. It
    runs in the transaction that then revokes the permit and commits.
    """
    return _locking(_LOCK, schema, tables)


def look_at_tables(connection: Connection, schema: str) -> None:
    """Lock armed tables as a reader does, which keeps nobody waiting: a session then knows them.

    Transaction: the caller's.
    """
    if tables := guarded_tables(connection, schema):
        connection.execute(_locking(_LOOK, schema, tables))


def revoke_permit(connection: Connection, schema: str) -> None:
    """Make armed guards refuse (SQLSTATE AT001). Transaction: the caller's. Idempotent."""
    connection.execute(revoking_permit(schema))


def revoking_permit(schema: str) -> sql.Composed:
    """The one statement that `revoke_permit` runs."""
    return _compose(_REVOKE_PERMIT, schema)


def grant_permit(connection: Connection, schema: str) -> None:
    """Let writes pass again. Transaction: the caller's. Idempotent."""
    connection.execute(granting_permit(schema))


def granting_permit(schema: str) -> sql.Composed:
    """The one statement that `grant_permit` runs."""
    return _compose(_GRANT_PERMIT, schema)


def seal(connection: Connection, schema: str) -> None:
    """Refuse the tenant every look at its schema. Transaction: the caller's. Idempotent."""
    connection.execute(_compose(_REVOKE_USAGE, schema))


def unseal(connection: Connection, schema: str) -> None:
    """Let the tenant look into its schema. Transaction: the caller's. Idempotent."""
    connection.execute(unsealing(schema))


def unsealing(schema: str) -> sql.Composed:
    """The one statement that `unseal` runs."""
    return _compose(_GRANT_USAGE, schema)


def _switch(
    connection: Connection, schema: str, statement: str, *, disarmed: bool, lock_timeout: timedelta
) -> int:
    tables = _guarded(connection, schema, disarmed=disarmed)
    limit = sql.SQL(_SET_LOCK_TIMEOUT).format(
        limit=sql.Literal(f"{lock_timeout // timedelta(milliseconds=1)}ms")
    )
    for table in tables:
        with connection.transaction():
            connection.execute(limit)
            connection.execute(_compose(statement, schema, table))
    return len(tables)


def _locking(statement: LiteralString, schema: str, tables: Collection[str]) -> sql.Composed:
    return sql.SQL(statement).format(
        tables=sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
    )


def _guarded(connection: Connection, schema: str, *, disarmed: bool) -> list[str]:
    rows = connection.execute(
        _GUARDED_TABLES, {"guard": names.GUARD, "schema": schema, "disarmed": disarmed}
    )
    return [name for (name,) in rows]


def _compose(statement: str, schema: str, table: str = "") -> sql.Composed:
    parts = {
        "schema": sql.Identifier(schema),
        "permit": sql.Identifier(names.WRITE_PERMIT),
        "guard": sql.Identifier(names.GUARD),
    }
    if table:
        parts["table"] = sql.Identifier(table)
    return sql.SQL(statement).format(**parts)
