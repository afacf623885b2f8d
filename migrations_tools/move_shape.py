"""How the tables are made that a moving tenant's rows go into."""

import re
from collections.abc import Sequence
from typing import Final

from migrations_tools.images.comparison import (
    KEYS_AT_ONCE,
    STATEMENTS_AT_ONCE,
    TABLES_AT_ONCE,
    in_pieces,
)
from migrations_tools.images.dumping import dump
from migrations_tools.images.services.find_image import body_of, find_image
from migrations_tools.images.tokens import script_of
from migrations_tools.states import wanted_state
from sharding import scope
from sharding.moves.ports import MadeTarget, TargetRequest
from sharding.moves.types import Refusal
from sharding.schemas import names
from sharding.schemas.connections import own_connection
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.image_replay import (
    ImageBody,
    Pieces,
    create_closed_from_image,
)
from sharding.schemas.services.markers import read_markers, set_state
from sharding.schemas.types import Marker

_ABOUT_A_GUARD: Final = re.compile(rf"\bTRIGGER {names.GUARD}\b")
# pg_dump lists whatever can wait for rows after all that cannot: the first of these parts them.
_CAN_WAIT: Final = re.compile(
    r"CREATE (?:UNIQUE INDEX|INDEX|TRIGGER|CONSTRAINT TRIGGER|POLICY|STATISTICS)\b"
    r'|ALTER TABLE (?:ONLY )?(?:[^"\s]|"(?:[^"]|"")*")+\s+(?:ADD CONSTRAINT|ENABLE ROW LEVEL)\b'
)
_FURNITURE: Final = (names.WRITE_PERMIT, names.HEARTBEAT)
_LOCKS: Final = 4 * STATEMENTS_AT_ONCE
"""A guess, for the slot of a replay: an image knows, what was dumped just now does not."""


class TenantShape:
    """By an image where one has the tenant's structure, else by pg_dump."""

    def refusals(self, place: scope.Placement, marker: Marker) -> tuple[Refusal, ...]:
        """A schema has to be at the code's state: nothing may migrate it on its way."""
        if marker.digest == wanted_state().digest:
            return ()
        return (
            Refusal(
                "moves.pending_migrations",
                "Its schema has not the migrations that the code has.",
                "Run `manage.py migrate_fleet` first.",
            ),
        )

    def make_target(self, asked: TargetRequest) -> MadeTarget:
        """See `sharding.moves.ports.Shape`.

        Raises:
            ImageError: what pg_dump says of the source fits no other place.
        """
        schema, connection = asked.schema, asked.connection
        major = connection.info.server_version // 10000
        with own_connection(asked.source) as source:
            markers = read_markers(source)
            structure = fingerprint(source, schema)
            major_there = source.info.server_version // 10000
        digest = markers[schema].digest or ""
        body = _image_of(digest, structure, major_there, major)
        if body is not None:
            return _made("image", asked, body)
        others = markers.keys() - {schema}
        script = script_of(
            dump(asked.source, schema, rows=False, without=_FURNITURE),
            schema,
            forbidden={"public", *others},
        )
        body = ImageBody(_pieces(script), _LOCKS, digest, structure, major_there)
        made = _made("pg_dump", asked, body)
        if major != major_there and not asked.tables_only:
            measured = fingerprint(connection, schema)
            set_state(connection, schema, digest=digest, fingerprint=measured, major=major)
        return made


def _pieces(script: Sequence[str]) -> Pieces:
    """Tables, no seeds, and what comes after rows; without guards, which each table has already."""
    wanted = [one for one in script if not _is_of_a_guard(one)]
    waiting = (number for number, one in enumerate(wanted) if _CAN_WAIT.match(one))
    at = next(waiting, len(wanted))
    return in_pieces(wanted[:at], TABLES_AT_ONCE), (), in_pieces(wanted[at:], KEYS_AT_ONCE)


def _is_of_a_guard(statement: str) -> bool:
    makes_or_arms = statement.startswith(("CREATE TRIGGER ", "ALTER TABLE "))
    return makes_or_arms and _ABOUT_A_GUARD.search(statement) is not None


def _made(how: str, asked: TargetRequest, body: ImageBody) -> MadeTarget:
    create_closed_from_image(
        asked.connection, asked.schema, body, token=asked.token, tables_only=asked.tables_only
    )
    return MadeTarget(how, body if asked.tables_only else None)


def _image_of(digest: str, structure: str, major_there: int, major: int) -> ImageBody | None:
    """The image that makes this structure on this major; None where nobody can say so."""
    image = find_image(digest, major)
    same = find_image(digest, major_there)
    if image is None or same is None or same.fingerprint != structure:
        return None
    return body_of(image)
