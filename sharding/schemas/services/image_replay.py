"""Make what an image holds: a new tenant's schema, a spare, or what a move fills.

A schema that nobody uses yet is made in several transactions (docs/adr/0013): the server tells all
its other sessions of every catalogue row that a commit brings. Of more than some 4,000 at once a
session forgets all that it knew, and its next requests take milliseconds longer.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
from sharding.schemas.services.markers import set_phase, setting_state
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

UNFINISHED: Final = "its image"
"""What the mark of a schema says while it is made of one. Nobody is let in before all is there."""

_CLAIM: Final = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch, unfinished)
    VALUES ({schema}, {phase}, {epoch}, {unfinished})
"""
_ACTIVATE: Final = "UPDATE atoll.tenant_schema SET phase = {phase} WHERE schema = {schema}"

# The last commit waits for the disk, and with it for all before.
_COMMIT_AT_ONCE: Final = sql.SQL("SET LOCAL synchronous_commit TO off")
_SEMICOLON: Final = sql.SQL(";\n")
_BEGIN: Final = sql.SQL("BEGIN")
_COMMIT: Final = sql.SQL("COMMIT")

Pieces = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ImageBody:
    """An empty tenant's schema as a script, with PLACEHOLDER for its name.

    Attributes:
        pieces: what makes types, functions and tables; seeds and where sequences stand; indexes,
            constraints and triggers, which can only be made once rows are there. Each is cut where
            a transaction may end.
        locks: that replaying holds at most, in one transaction.
        digest, fingerprint, major: of a schema that is made of it.
    """

    pieces: Pieces
    locks: int
    digest: str
    fingerprint: str
    major: int

    def script(self, schema: str) -> str:
        """The statements for `schema`, as one text."""
        return ";\n".join(one for cut in self.scripts(schema) for one in cut)

    def scripts(self, schema: str, *, rows: bool = True) -> Pieces:
        """The same in pieces: what makes tables, the seeds, and what comes after them."""
        tables, seeds, others = (
            tuple(one.replace(PLACEHOLDER, schema) for one in cut) for cut in self.pieces
        )
        return tables, seeds if rows else (), others


def create_from_image(
    connection: Connection, server: Server, schema: str, body: ImageBody, *, epoch: int
) -> bool:
    """Make the schema of a new tenant, with furniture, tables and seeds, and open it.

    False when a schema was begun under this name before: nothing was changed then.

    Locks: a slot for each transaction, of as many as fill half of the server's lock table.
    Transaction: several, in one message; forbids an open one. The last one opens the schema. Cut
        off before, it is closed, and its mark says UNFINISHED: to be dropped and made anew.
    Idempotent: no; a second call returns False.

    Raises:
        NoSuchRole: the role was not made ahead; nothing was changed.
        ForeignSchema: a schema of this name is there and is not ours; nothing was changed.
        psycopg.Error: nothing was changed, or it is unfinished.
    """
    whole = _SEMICOLON.join((*_beginning(schema, body, epoch), _last(schema, body)))
    return _sent(connection, server, schema, (whole,))


def begun_from_image(
    connection: Connection,
    server: Server,
    schema: str,
    body: ImageBody,
    *,
    between: Callable[[], None],
) -> bool:
    """The same, but for the last transaction: it stays closed, and its mark says UNFINISHED.

    Its transactions are sent one by one; `between` is called after each.
    """
    return _sent(connection, server, schema, _beginning(schema, body, 0), between)


def _sent(
    connection: Connection,
    server: Server,
    schema: str,
    messages: Iterable[sql.Composed],
    between: Callable[[], None] = lambda: None,
) -> bool:
    _forbid_transaction(connection)
    try:
        for message in messages:
            connection.execute(message)
            between()
    except psycopg.Error as error:
        if not connection.closed:
            connection.rollback()
        if isinstance(error, psycopg.errors.UniqueViolation) and _is_claim(error):
            return False
        if isinstance(error, psycopg.errors.UndefinedObject) and not has_role(connection, schema):
            raise NoSuchRole(server.name, schema) from error
        if isinstance(error, psycopg.errors.DuplicateSchema):
            raise ForeignSchema(server.name, schema) from error
        raise
    return True


def _beginning(schema: str, body: ImageBody, epoch: int) -> Iterator[sql.Composed]:
    """All transactions but the last."""
    claim = sql.SQL(_CLAIM).format(
        schema=sql.Literal(schema),
        phase=sql.Literal(Phase.INCOMING.value),
        epoch=sql.Literal(epoch),
        unfinished=sql.Literal(UNFINISHED),
    )
    slot = slot_for(body.locks)
    tables, rows, others = body.scripts(schema)
    # Whoever finds no slot waits before anything is there.
    yield _transaction(_COMMIT_AT_ONCE, slot, claim, creating(schema))
    for script in (*tables, *rows, *others):
        furniture = (furnishing(schema),) if script in tables else ()
        yield _transaction(_COMMIT_AT_ONCE, slot, entering(schema), sql.SQL(script), *furniture)


def _last(schema: str, body: ImageBody) -> sql.Composed:
    activate = sql.SQL(_ACTIVATE).format(
        schema=sql.Literal(schema), phase=sql.Literal(Phase.ACTIVE.value)
    )
    return _transaction(furnishing(schema), stating(schema, body), activate, opening(schema))


def _transaction(*statements: sql.Composable) -> sql.Composed:
    return _SEMICOLON.join((_BEGIN, *statements, _COMMIT))


def _is_claim(error: psycopg.Error) -> bool:
    return error.diag.table_name == "tenant_schema" and error.diag.schema_name == names.SUPPORT


def create_closed_from_image(
    connection: Connection,
    schema: str,
    body: ImageBody,
    *,
    token: int,
    tables_only: bool = False,
) -> None:
    """Make a schema that a move fills: furniture and tables, no rows, and nobody let in.

    Its row is there, with at most this token, and becomes INCOMING before anything else is made.
    Each table is there with its guard armed, or not at all: who may write whatever the rights are,
    a superuser, would otherwise write what the move then overwrites.

    tables_only: what comes after rows is left out, for `complete`.

    Locks: a slot for each transaction, of as many as fill half of the server's lock table.
    Transaction: several, each of which asks for the token; forbids an open one. Cut off before the
        last one, what is there is closed, and goes with `drop_schema_on`.
    Idempotent: no; a second call fails.

    Raises:
        SchemaMissing, WrongPhase: of its row; from then on nothing was changed.
        psycopg.Error: it is unfinished.
    """
    _forbid_transaction(connection)
    with _closed_piece(connection, schema, token):
        connection.execute(_SEMICOLON.join((slot_for(body.locks), creating(schema))))
    tables = body.scripts(schema, rows=False)[0]
    _make_pieces(connection, schema, body, tables, token, furnishing(schema, armed=True))
    if not tables_only:
        complete(connection, schema, body, token=token)


def complete(connection: Connection, schema: str, body: ImageBody, *, token: int) -> None:
    """Make what comes after rows in a schema that a move fills: indexes, constraints, triggers.

    Locks: a slot for each transaction.
    Transaction: several, each of which asks for the token; forbids an open one.
    Idempotent: no; a second call fails.

    Raises:
        SchemaMissing, WrongPhase: of its row; from then on nothing was changed.
        psycopg.Error: it is unfinished.
    """
    _forbid_transaction(connection)
    _make_pieces(connection, schema, body, body.scripts(schema, rows=False)[2], token)
    with connection.transaction():
        set_phase(connection, schema, Phase.INCOMING, token=token)
        connection.execute(_SEMICOLON.join((furnishing(schema), stating(schema, body))))


def _make_pieces(
    connection: Connection,
    schema: str,
    body: ImageBody,
    scripts: Iterable[str],
    token: int,
    *furniture: sql.Composed,
) -> None:
    slot = slot_for(body.locks)
    for script in scripts:
        with _closed_piece(connection, schema, token):
            piece = (slot, entering(schema), sql.SQL(script), *furniture)
            connection.execute(_SEMICOLON.join(piece))


@contextmanager
def _closed_piece(connection: Connection, schema: str, token: int) -> Iterator[None]:
    with connection.transaction():
        connection.execute(_COMMIT_AT_ONCE)
        set_phase(connection, schema, Phase.INCOMING, token=token)
        yield


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


def stating(schema: str, body: ImageBody) -> sql.Composed:
    """The statement that writes down what a schema of this image is."""
    return setting_state(schema, digest=body.digest, fingerprint=body.fingerprint, major=body.major)


def _forbid_transaction(connection: Connection) -> None:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("An image is a transaction of its own; end the open one first.")
