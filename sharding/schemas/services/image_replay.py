"""Make what an image holds, in one message: a new tenant's schema, or only its tables.

Everything happens in one transaction, so that a process that is killed leaves all of it or nothing.
"""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.errors import ForeignSchema, NoSuchRole
from sharding.schemas.services.create_schema import creating, opening
from sharding.schemas.services.furnish import furnishing
from sharding.schemas.services.markers import setting_state
from sharding.schemas.types import Phase

PLACEHOLDER: Final = "\x00"
"""Stands for the schema's name. PostgreSQL's text cannot hold it, so it means nothing else."""

_SHARED: Final = (names.REFERENCE, names.EXTENSIONS)

# An image takes more locks than anything else does, and the table that they share has a fixed
# size: all images of this database together may have half of it. One slot each, an advisory lock
# until the end of the transaction; who finds none free waits for any one of them.
_TAKE_SLOT: Final = """
DO $slot$
DECLARE
    slots constant int := greatest(1, current_setting('max_locks_per_transaction')::int
        * (current_setting('max_connections')::int
           + current_setting('max_prepared_transactions')::int) / 2 / greatest(1, {locks}));
    first constant int := (random() * 1000000)::int;
BEGIN
    FOR number IN 0 .. slots - 1 LOOP
        IF pg_try_advisory_xact_lock(hashtext('atoll.image'), (first + number) % slots) THEN
            RETURN;
        END IF;
    END LOOP;
    PERFORM pg_advisory_xact_lock(hashtext('atoll.image'), first % slots);
END
$slot$
"""

# A body may use what is made later; and CHECKs may call functions that name tables bare.
_ENTER: Final = "SET LOCAL search_path TO {path}; SET LOCAL check_function_bodies TO off"

_CLAIM: Final = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch)
    VALUES ({schema}, {phase}, {epoch})
"""


@dataclass(frozen=True, slots=True)
class ImageBody:
    """An empty tenant's schema as a script, with PLACEHOLDER for its name.

    Attributes:
        before: types, functions, tables.
        rows: seeds and where sequences stand.
        after: indexes, constraints, triggers; what can only be made once rows are there.
        locks: that replaying holds at its end.
        digest, fingerprint, major: of a schema that is made of it.
    """

    before: str
    rows: str
    after: str
    locks: int
    digest: str
    fingerprint: str
    major: int

    def script(self, schema: str, *, rows: bool = True) -> str:
        """The statements for `schema`, as one text."""
        parts = (self.before, self.rows if rows else "", self.after)
        return ";\n".join(part for part in parts if part).replace(PLACEHOLDER, schema)


def create_from_image(
    connection: Connection, server: Server, schema: str, body: ImageBody, *, epoch: int
) -> bool:
    """Make the schema of a new tenant, with furniture, tables and seeds, and open it.

    False when a schema was begun under this name before: nothing was changed then.

    Locks: a slot, of as many as fill half of the server's lock table.
    Transaction: one, in one message; forbids an open one.
    Idempotent: no; a second call returns False.

    Raises:
        NoSuchRole: the role was not made ahead.
        ForeignSchema: a schema of this name is there and is not ours.
        psycopg.Error: nothing was changed.
    """
    _forbid_transaction(connection)
    claim = sql.SQL(_CLAIM).format(
        schema=sql.Literal(schema), phase=sql.Literal(Phase.ACTIVE.value), epoch=sql.Literal(epoch)
    )
    try:
        _send(connection, schema, body, (claim, creating(schema)), (opening(schema),))
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == "tenant_schema" and error.diag.schema_name == names.SUPPORT:
            return False
        raise
    except psycopg.errors.UndefinedObject as error:
        if has_role(connection, schema):
            raise
        raise NoSuchRole(server.name, schema) from error
    except psycopg.errors.DuplicateSchema as error:
        raise ForeignSchema(server.name, schema) from error
    return True


def replay_image(connection: Connection, schema: str, body: ImageBody) -> None:
    """Make tables and seeds in `schema`, which create_schema made and which has no tables yet.

    Locks: a slot, of as many as fill half of the server's lock table.
    Transaction: one, in one message; forbids an open one.
    Idempotent: no; a second call fails and changes nothing.

    Raises:
        psycopg.Error: nothing was changed.
    """
    _forbid_transaction(connection)
    _send(connection, schema, body, (), ())


_HAS_ROLE: Final = "SELECT to_regrole(quote_ident(%s)) IS NOT NULL"


def has_role(connection: Connection, schema: str) -> bool:
    """Whether the server has the role of this schema's tenant."""
    row = connection.execute(_HAS_ROLE, (schema,)).fetchone()
    return bool(row and row[0])


def slot_for(locks: int) -> sql.Composed:
    """The statement that waits until an image with so many locks may be replayed."""
    return sql.SQL(_TAKE_SLOT).format(locks=sql.Literal(locks))


def entering(schema: str) -> sql.Composed:
    """The statement that makes `schema` the place where a script works."""
    path = sql.SQL(", ").join(map(sql.Identifier, (schema, *_SHARED)))
    return sql.SQL(_ENTER).format(path=path)


def _send(
    connection: Connection,
    schema: str,
    body: ImageBody,
    before: tuple[sql.Composed, ...],
    after: tuple[sql.Composed, ...],
) -> None:
    state = setting_state(
        schema, digest=body.digest, fingerprint=body.fingerprint, major=body.major
    )
    message = (
        slot_for(body.locks),
        *before,
        entering(schema),
        sql.SQL(body.script(schema)),
        furnishing(schema),
        state,
        *after,
    )
    connection.execute(sql.SQL(";\n").join(message))


def _forbid_transaction(connection: Connection) -> None:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("An image is a transaction of its own; end the open one first.")
