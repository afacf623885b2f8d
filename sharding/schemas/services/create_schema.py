"""Create a tenant's schema with its furniture, and open it."""

import psycopg
from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection, own_connection
from sharding.schemas.errors import ForeignSchema, NoSuchRole
from sharding.schemas.services.fence import grant_permit, granting_permit, unseal, unsealing
from sharding.schemas.services.markers import set_phase
from sharding.schemas.types import Phase

# The row first: of two creators the second waits here, and then sees that there is nothing to do.
_CLAIM = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch)
    VALUES (%(schema)s, %(phase)s, 0)
    ON CONFLICT (schema) DO NOTHING
"""

# Default privileges come after the furniture: they would give the tenant rights on it.
_CREATE = """
    CREATE SCHEMA {schema};
    CREATE TABLE {schema}.{permit} ();
    CREATE TABLE {schema}.{heartbeat} (k int PRIMARY KEY, v bigint NOT NULL);
    INSERT INTO {schema}.{heartbeat} VALUES (1, 0), (2, 0);
    REVOKE ALL ON {schema}.{permit}, {schema}.{heartbeat} FROM {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {schema}
"""


def create_schema(server: Server, schema: str) -> bool:
    """Make the schema of the tenant whose role has the same name; False if it was made before.

    It is closed: its phase is INCOMING and its tenant may not even look at it, until
    `open_schema`. What is half built is so seen by nobody but us.

    Transaction: one, on an owner connection of its own.
    Idempotent: by name. What exists is left as it is: a fenced schema stays fenced.

    Raises:
        NoSuchRole: the role was not made ahead.
        ForeignSchema: a schema of this name is there and is not ours.
        ServerUnreachable: nothing changed, or all of it; call it again.
    """
    with own_connection(server) as connection:
        try:
            with connection.transaction():
                claimed = connection.execute(
                    _CLAIM, {"schema": schema, "phase": Phase.INCOMING.value}
                )
                if not claimed.rowcount:
                    return False
                connection.execute(creating(schema))
        except psycopg.errors.UndefinedObject as error:
            raise NoSuchRole(server.name, schema) from error
        except psycopg.errors.DuplicateSchema as error:
            raise ForeignSchema(server.name, schema) from error
    return True


def creating(schema: str) -> sql.Composed:
    """The statements that make an empty, closed schema with its furniture."""
    return sql.SQL(_CREATE).format(
        schema=sql.Identifier(schema),
        permit=sql.Identifier(names.WRITE_PERMIT),
        heartbeat=sql.Identifier(names.HEARTBEAT),
    )


def open_schema(
    connection: Connection, schema: str, *, epoch: int | None = None, token: int = 0
) -> None:
    """Let the tenant in: usage, write permit and phase ACTIVE, together.

    Transaction: opens one, or joins the caller's.
    Idempotent.
    """
    with connection.transaction():
        set_phase(connection, schema, Phase.ACTIVE, epoch=epoch, token=token)
        grant_permit(connection, schema)
        unseal(connection, schema)


def opening(schema: str) -> sql.Composed:
    """The statements by which a tenant gets rights on its schema; the phase is the caller's."""
    return sql.SQL("; ").join((granting_permit(schema), unsealing(schema)))
