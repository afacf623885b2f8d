"""Measure schemas: structure, migrations, furniture, ids. Some ten milliseconds for each."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

import psycopg
from psycopg import sql

from migrations_tools.drift.types import Measured
from migrations_tools.images.services.find_image import find_image
from migrations_tools.states import state_of
from sharding.pools.outages import without_rows
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import describe_on
from sharding.schemas.services.fingerprint import differences, digest_of, fingerprint, structure
from sharding.schemas.services.wrong_ids import wrong_ids

_HAS_MIGRATIONS: Final = "SELECT to_regclass(format('%%I.django_migrations', %s::text)) IS NOT NULL"
_MIGRATIONS: Final = "SELECT app, name FROM {schema}.django_migrations"

# Marked as what is wanted; whether one is so is looked at.
_MODELS: Final = """
    SELECT schema FROM atoll.tenant_schema
    WHERE fingerprint = %(wanted)s AND major = %(major)s AND phase = 'active'
      AND schema <> %(schema)s
    ORDER BY changed_at DESC, schema
    LIMIT 5
"""


def measure(server: Server, schemas: Collection[str]) -> Iterator[Measured]:
    """Measure these schemas of one shard, one after the other, on one connection.

    What fails in one schema is told of that one, and the next is taken.

    Transaction: one per schema on the shard; reads control.
    Locks: ACCESS SHARE on catalogues and on each schema's own small tables, briefly.
    """
    images: dict[str, str | None] = {}
    left = list(schemas)
    try:
        with own_connection(server) as connection:
            while left:
                try:
                    with connection.transaction():
                        measured = _measure(connection, server, left[0], images)
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    measured = Measured(left[0], server.name, problem=without_rows(error))
                del left[0]
                yield measured
    except ServerUnreachable as error:
        for schema in left:
            yield Measured(schema, server.name, problem=error.reason)


def name_differences(server: Server, measured: Measured, wanted: str) -> Measured:
    """What was measured, with how it differs from a schema whose fingerprint is `wanted`.

    As it was where no other schema of the shard has that one, or the shard does not answer.

    Transaction: one on the shard, on a connection of its own.
    """
    try:
        with own_connection(server) as connection, connection.transaction():
            return _beside_a_model(connection, measured, wanted)
    except (ServerUnreachable, psycopg.Error):
        return measured


def _beside_a_model(connection: Connection, measured: Measured, wanted: str) -> Measured:
    words = {
        "wanted": wanted,
        "major": connection.info.server_version // 10000,
        "schema": measured.schema,
    }
    for (model,) in connection.execute(_MODELS, words).fetchall():
        parts = structure(connection, model)
        if digest_of(parts) == wanted:
            found = differences(parts, structure(connection, measured.schema))
            return replace(measured, model=model, differs=found)
    return measured


def migrations_of(connection: Connection, schema: str) -> frozenset[tuple[str, str]]:
    """The rows of the schema's django_migrations, (app, name); none where there is no such table.

    Transaction: any.
    """
    row = connection.execute(_HAS_MIGRATIONS, (schema,)).fetchone()
    if row is None or not row[0]:
        return frozenset()
    query = sql.SQL(_MIGRATIONS).format(schema=sql.Identifier(schema))
    return frozenset((app, name) for app, name in connection.execute(query))


def _measure(
    connection: Connection, server: Server, schema: str, images: dict[str, str | None]
) -> Measured:
    digest = state_of(migrations_of(connection, schema)).digest
    if digest not in images:
        image = find_image(digest, connection.info.server_version // 10000)
        images[digest] = None if image is None else image.fingerprint
    described = describe_on(connection, server, schema)
    return Measured(
        schema=schema,
        shard=server.name,
        fingerprint=fingerprint(connection, schema),
        digest=digest,
        image=images[digest],
        # Told by the survey already, and with the command that mends it.
        lacks=tuple(one for one in described.lacks if not one.endswith("has no guard")),
        wrong_ids=wrong_ids(connection, schema),
    )
