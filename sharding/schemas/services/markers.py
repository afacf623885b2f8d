"""A schema's row in atoll.tenant_schema: read it, change it by token."""

from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.errors import SchemaMissing, WrongPhase
from sharding.schemas.types import Marker, Phase

_READ = """
    SELECT schema, phase, epoch, move_id, token, digest, fingerprint, major, unfinished
    FROM atoll.tenant_schema WHERE schema = {schema}
"""

_READ_MANY = """
    SELECT schema, phase, epoch, move_id, token, digest, fingerprint, major, unfinished
    FROM atoll.tenant_schema
    WHERE %(schemas)s::text[] IS NULL OR schema = ANY (%(schemas)s)
"""

# A holder of an older token is one that was given up: it changes nothing.
_SETTING_PHASE = """
    UPDATE atoll.tenant_schema
    SET phase = {phase},
        epoch = coalesce({epoch}, epoch),
        token = {token},
        changed_at = clock_timestamp()
    WHERE schema = {schema} AND token <= {token}
"""

_SET_STATE = """
    UPDATE atoll.tenant_schema
    SET digest = {digest}, fingerprint = {fingerprint}, major = {major}, unfinished = NULL,
        changed_at = clock_timestamp()
    WHERE schema = {schema}
"""

_SET_UNFINISHED = """
    UPDATE atoll.tenant_schema
    SET unfinished = %(unfinished)s, changed_at = clock_timestamp()
    WHERE schema = %(schema)s
"""


def read_marker(connection: Connection, schema: str) -> Marker | None:
    """The row of `schema`, or None when create_schema never made it (or drop_schema is through)."""
    return as_marker(connection.execute(reading_marker(schema)).fetchone())


def reading_marker(schema: str) -> sql.Composed:
    """The one statement that `read_marker` runs, whose row `as_marker` reads."""
    return sql.SQL(_READ).format(schema=sql.Literal(schema))


def as_marker(row: Sequence[Any] | None) -> Marker | None:
    """What a row says; None: there is none."""
    if row is None:
        return None
    name, phase, *rest = row
    return Marker(name, Phase(phase), *rest)


def read_markers(
    connection: Connection, schemas: Collection[str] | None = None
) -> dict[str, Marker]:
    """The rows of these schemas, or all that the shard has, by schema."""
    wanted = None if schemas is None else list(schemas)
    rows = connection.execute(_READ_MANY, {"schemas": wanted})
    return {name: Marker(name, Phase(phase), *rest) for name, phase, *rest in rows}


def set_phase(
    connection: Connection,
    schema: str,
    phase: Phase,
    *,
    epoch: int | None = None,
    token: int = 0,
) -> None:
    """Write down what `schema` is from now on; its rights are changed by the caller.

    Transaction: the caller's, together with the change of rights.

    Raises:
        SchemaMissing: there is no such row.
        WrongPhase: the row belongs to a holder of a newer token; nothing changed.
    """
    changed = connection.execute(setting_phase(schema, phase, epoch=epoch, token=token))
    if not changed.rowcount:
        refuse_phase(connection, schema, token=token)


def setting_phase(
    schema: str, phase: Phase, *, epoch: int | None = None, token: int = 0
) -> sql.Composed:
    """The one statement that `set_phase` runs; where it changes no row, `refuse_phase` says why."""
    return sql.SQL(_SETTING_PHASE).format(
        schema=sql.Literal(schema),
        phase=sql.Literal(phase.value),
        epoch=sql.Literal(epoch),
        token=sql.Literal(token),
    )


def refuse_phase(connection: Connection, schema: str, *, token: int) -> NoReturn:
    """Say why the row of `schema` is not to be changed under this token.

    Raises:
        SchemaMissing: there is no such row.
        WrongPhase: it belongs to a holder of a newer token.
    """
    marker = read_marker(connection, schema)
    if marker is None:
        raise SchemaMissing(connection.info.dbname, schema)
    raise WrongPhase(
        schema, found=f"{marker.phase} under token {marker.token}", wanted=f"token ≤ {token}"
    )


def set_state(
    connection: Connection,
    schema: str,
    *,
    digest: str,
    fingerprint: str | None,
    major: int | None,
) -> None:
    """Write down which migrations and which structure `schema` has; nothing is unfinished then.

    `fingerprint` is None where nobody measured it, and `major` with it.

    Transaction: the caller's, together with the last of these migrations.
    """
    connection.execute(setting_state(schema, digest=digest, fingerprint=fingerprint, major=major))


def setting_state(
    schema: str, *, digest: str, fingerprint: str | None, major: int | None
) -> sql.Composed:
    """The one statement that `set_state` runs."""
    return sql.SQL(_SET_STATE).format(
        schema=sql.Literal(schema),
        digest=sql.Literal(digest),
        fingerprint=sql.Literal(fingerprint),
        major=sql.Literal(major),
    )


def set_unfinished(connection: Connection, schema: str, what: str | None) -> None:
    """Write down that a step is under way that no rollback would undo, or that it is through.

    Transaction: forbids one; the note must stay when the step is cut off.
    """
    connection.execute(_SET_UNFINISHED, {"schema": schema, "unfinished": what})
