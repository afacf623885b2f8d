"""The one message that takes one schema over one segment."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from psycopg import sql

from migrations_tools.replay.types import Gained, Segment
from sharding.backend.prefix import SHARED_SCHEMAS
from sharding.schemas.services.furnish import furnishing
from sharding.schemas.services.global_ids import installing

BUSY: Final = "AT011"
"""SQLSTATE: somebody else builds or migrates the schema."""
NOT_AT_START: Final = "AT012"
"""SQLSTATE: the schema is not what the segment begins at."""

# Without BEGIN: a message of several statements is one transaction, and after an error the
# connection is idle and ready for the next schema.
_BIND: Final = """
SET LOCAL search_path TO {path};
SET LOCAL lock_timeout TO {lock_ms}
"""

# First of all, so that whoever comes second waits for nobody and changes nothing. Builders hold the
# lock for their session, and so do those that were killed until their session ends.
_CLAIM: Final = """
DO $claim$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('atoll.build_schema'), hashtext({schema})) THEN
        RAISE EXCEPTION 'somebody else builds or migrates %', {schema} USING ERRCODE = {busy};
    END IF;
    UPDATE atoll.tenant_schema
    SET digest = {digest}, fingerprint = {fingerprint}, changed_at = clock_timestamp()
    WHERE schema = {schema} AND phase = 'active' AND unfinished IS NULL
      AND digest = {digest_before} AND fingerprint = {fingerprint_before} AND major = {major};
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not at the start of the segment', {schema}
            USING ERRCODE = {not_at_start};
    END IF;
END
$claim$
"""

_MIGRATIONS: Final = """
INSERT INTO {schema}.django_migrations (app, name, applied)
SELECT v.app, v.name, now() FROM (VALUES {rows}) v (app, name, place)
WHERE NOT EXISTS (
    SELECT FROM {schema}.django_migrations d WHERE d.app = v.app AND d.name = v.name
)
ORDER BY v.place
"""
_TYPES: Final = """
INSERT INTO {schema}.django_content_type (app_label, model)
SELECT v.app_label, v.model FROM (VALUES {rows}) v (app_label, model, place) ORDER BY v.place
ON CONFLICT DO NOTHING
"""
_PERMISSIONS: Final = """
INSERT INTO {schema}.auth_permission (name, content_type_id, codename)
SELECT v.name, t.id, v.codename
FROM (VALUES {rows}) v (app_label, model, codename, name, place)
JOIN {schema}.django_content_type t ON t.app_label = v.app_label AND t.model = v.model
ORDER BY v.place
ON CONFLICT DO NOTHING
"""

# A statement may end in a comment, so the separator has a line to itself.
_SEPARATOR: Final = sql.SQL("\n;\n")


def compose(schema: str, segment: Segment, *, major: int, lock_wait: timedelta) -> sql.Composed:
    """All that goes to the server: claim, structure, rows, furniture."""
    return _SEPARATOR.join(_parts(schema, segment, major, lock_wait))


def _parts(
    schema: str, segment: Segment, major: int, lock_wait: timedelta
) -> Iterator[sql.Composable]:
    path = (schema, *SHARED_SCHEMAS)
    yield sql.SQL(_BIND).format(
        path=sql.SQL(", ").join(map(sql.Identifier, path)),
        lock_ms=sql.Literal(lock_wait // timedelta(milliseconds=1)),
    )
    yield sql.SQL(_CLAIM).format(
        schema=sql.Literal(schema),
        busy=sql.Literal(BUSY),
        not_at_start=sql.Literal(NOT_AT_START),
        digest=sql.Literal(segment.after.digest),
        fingerprint=sql.Literal(segment.after.fingerprint),
        digest_before=sql.Literal(segment.before.digest),
        fingerprint_before=sql.Literal(segment.before.fingerprint),
        major=sql.Literal(major),
    )
    for step in segment.steps:
        # Texts of Django's schema editor, as it sent them; nothing of them is a template.
        yield from (_verbatim(statement) for statement in step.statements)
    if segment.gained is not None:
        yield from adding(schema, segment.gained)
    if segment.relations:
        yield furnishing(schema)
        yield installing(schema)


def adding(schema: str, gained: Gained) -> Iterator[sql.Composed]:
    """The statements that add these rows where they are missing."""
    for text, rows in (
        (_MIGRATIONS, gained.migrations),
        (_TYPES, gained.types),
        (_PERMISSIONS, gained.permissions),
    ):
        if rows:
            yield sql.SQL(text).format(schema=sql.Identifier(schema), rows=_values(rows))


def _values(rows: Iterable[tuple[str, ...]]) -> sql.Composed:
    """Each with its place at the end: ids are given in the order that the template gave them."""
    return sql.SQL(", ").join(
        sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, (*row, place))))
        for place, row in enumerate(rows)
    )


def _verbatim(statement: str) -> sql.SQL:
    return sql.SQL(statement)
