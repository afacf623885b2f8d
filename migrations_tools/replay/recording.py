"""A template at exactly the state of some schemas, and what is pending, recorded in it."""

import re
from typing import Final

import psycopg
from psycopg import sql

from migrations_tools.errors import MigrationToolsError
from migrations_tools.execution import Tell, silent
from migrations_tools.images.dumping import dump
from migrations_tools.images.services.find_image import body_of, find_image
from migrations_tools.images.templates import Template, fill, template
from migrations_tools.images.tokens import script_of
from migrations_tools.replay.errors import StartUnknown
from migrations_tools.replay.rehearsal import mark_of, rehearse
from migrations_tools.replay.types import Mark, Recording
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.services.image_replay import PLACEHOLDER, entering
from sharding.schemas.services.tables import has_table

_FURNITURE: Final = re.compile(
    rf"{PLACEHOLDER}\.(?:{names.WRITE_PERMIT}|{names.HEARTBEAT})(?![\w$])|\b{names.GUARD}\b"
)

# What Django's migrations themselves read and write. Nothing of the tenant's.
_TABLES: Final = ("django_migrations", "django_content_type", "auth_permission")
_COPY_ROWS: Final = "INSERT INTO {to}.{table} SELECT * FROM {of}.{table}"
_COUNTERS: Final = """
    SELECT pg_get_serial_sequence(format('%%I.%%I', %(of)s::text, %(table)s::text), 'id'),
           pg_get_serial_sequence(format('%%I.%%I', %(to)s::text, %(table)s::text), 'id')
"""
_SET_COUNTER: Final = "SELECT setval({to}, last_value, is_called) FROM {of}"


def record(server: Server, start: Mark, member: str | None, *, tell: Tell = silent) -> Recording:
    """How the schemas at `start` get to the state of the code, recorded in a template on `server`.

    The template is made of the image of that state, or else of the structure of `member`, a schema
    of this server that is at `start`; of its rows, those that Django keeps about migrations,
    content types and permissions are copied.

    Transaction: several; forbids an open one on that shard.
    Locks: ACCESS SHARE on `member`, while it is read.

    Raises:
        StartUnknown: no template could be made that is at `start`.
        RecordingFailed: a migration failed in it.
        ServerUnreachable: the server is away.
    """
    with template(server) as made:
        _begin_at(made, start, member)
        found = mark_of(made.raw, made.name)
        if found != start:
            raise StartUnknown(start.digest, f"what was made is {found}, wanted was {start}.")
        return rehearse(made.connection, made.name, start=start, tell=tell)


def _begin_at(made: Template, start: Mark, member: str | None) -> None:
    image = find_image(start.digest, made.major)
    if image is not None and image.fingerprint == start.fingerprint:
        fill(made, body_of(image))
    elif member is None:
        raise StartUnknown(start.digest, "there is no image of it and no schema was named.")
    else:
        try:
            _copy_structure(made, member)
        except (MigrationToolsError, psycopg.ProgrammingError) as error:
            raise StartUnknown(start.digest, f"{member} cannot be copied: {error}") from error


def _copy_structure(made: Template, member: str) -> None:
    script = (
        statement.replace(PLACEHOLDER, made.name)
        for statement in script_of(dump(made.server, member, rows=False), member, forbidden=())
        if not _FURNITURE.search(statement)
    )
    with made.raw.transaction():
        made.raw.execute(entering(made.name))
        made.raw.execute(sql.SQL(";\n".join(script)))
        for table in _TABLES:
            _copy_rows(made, member, table)


def _copy_rows(made: Template, member: str, table: str) -> None:
    if not has_table(made.raw, member, table):
        return
    made.raw.execute(
        sql.SQL(_COPY_ROWS).format(
            to=sql.Identifier(made.name), of=sql.Identifier(member), table=sql.Identifier(table)
        )
    )
    where = {"of": member, "to": made.name, "table": table}
    of, to = made.raw.execute(_COUNTERS, where).fetchone() or (None, None)
    if of and to:
        # What PostgreSQL says of a sequence's name is quoted where it has to be.
        made.raw.execute(sql.SQL(_SET_COUNTER).format(to=sql.Literal(to), of=sql.SQL(of)))
