"""Arm and disarm the guards of tables that people use, and look which are not armed."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import sql

from sharding.moves.errors import FenceNotReached
from sharding.schemas import names
from sharding.schemas.connections import Connection

_WITHIN: Final = timedelta(seconds=30)
_BETWEEN_S: Final = 0.2

_UNARMED: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND c.relname <> ALL ({furniture})
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident({schema}))
            AND classid = 'pg_class'::regclass
      )
      AND NOT EXISTS (
          SELECT FROM pg_trigger
          WHERE tgrelid = c.oid AND tgname = {guard} AND tgenabled <> 'D'
      )
    ORDER BY c.relname
"""


def insist_on(
    switch: Callable[[Connection, str], object], connection: Connection, schema: str
) -> None:
    """`arm` or `disarm`, again and again: who uses a table for long is waited for in between.

    Transaction: one per table; forbids an open one.
    Idempotent.

    Raises:
        FenceNotReached: somebody used one for half a minute; those before it are switched.
    """
    gives_up_at = time.monotonic() + _WITHIN.total_seconds()
    while True:
        try:
            switch(connection, schema)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() >= gives_up_at:
                raise FenceNotReached(schema) from error
            time.sleep(_BETWEEN_S)
        else:
            return


def unarmed_tables(connection: Connection, schema: str) -> list[str]:
    """Tables of `schema` that a fence would not hold, by name."""
    return [name for (name,) in connection.execute(finding_unarmed(schema))]


def finding_unarmed(schema: str) -> sql.Composed:
    """The one statement that `unarmed_tables` runs: a row for each, of its name."""
    return sql.SQL(_UNARMED).format(
        schema=sql.Literal(schema),
        guard=sql.Literal(names.GUARD),
        furniture=sql.Literal([names.WRITE_PERMIT, names.HEARTBEAT]),
    )
