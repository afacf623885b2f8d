"""Spare schemas: made of an image under an id that no tenant has yet, closed, taken in one commit.

A tenant's schema bears its id, and ids are reserved before there are tenants. So a spare is what
its tenant will have, name, role and rights included: nothing in it is renamed or rewritten. What is
left for the moment when somebody waits is to open it (docs/adr/0025).
"""

import hashlib
import time
from datetime import timedelta
from functools import lru_cache
from typing import Final

from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.errors import SpareUnlikeImage
from sharding.schemas.services.create_schema import creating, opening
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.furnish import furnishing
from sharding.schemas.services.image_replay import ImageBody, begun_from_image, stating
from sharding.schemas.services.markers import read_marker, set_unfinished
from sharding.schemas.types import SPARE, Phase

_TAKE: Final = """
    UPDATE atoll.tenant_schema
    SET phase = %(active)s, epoch = %(epoch)s, unfinished = NULL, changed_at = clock_timestamp()
    WHERE schema = %(schema)s AND phase = %(incoming)s AND unfinished = %(spare)s
      AND digest = %(digest)s AND fingerprint = %(fingerprint)s AND major = %(major)s
"""
_ANY: Final = "t0000000"


@lru_cache(maxsize=8)
def spare_key(body: ImageBody) -> str:
    """Names all that a spare of this image is: tables, seeds and furniture.

    An image of the same migrations that was built again, and a release that furnishes otherwise,
    have another key: a spare of before is not taken by it.
    """
    made = hashlib.sha256(body.script(_ANY).encode())
    for statement in (creating(_ANY), furnishing(_ANY)):
        made.update(statement.as_string(None).encode())
    made.update(f"{body.digest} {body.fingerprint} {body.major}".encode())
    return made.hexdigest()[:32]


def make_spare(
    connection: Connection,
    server: Server,
    schema: str,
    body: ImageBody,
    *,
    pause: timedelta = timedelta(0),
) -> bool:
    """Make `schema` of an image and leave it closed; False when it was begun before.

    `pause` lies between its transactions: nobody waits for it, and who works there goes first.

    Transaction: several; forbids an open one. Cut off, it is closed, and its mark says UNFINISHED.
    Idempotent: no; a second call returns False and changes nothing.

    Raises:
        SpareUnlikeImage: what was made is not what the image says; it is left UNFINISHED.
        NoSuchRole, ForeignSchema, psycopg.Error: as `create_from_image`.
    """
    if not begun_from_image(
        connection, server, schema, body, between=lambda: time.sleep(pause.total_seconds())
    ):
        return False
    with connection.transaction():
        connection.execute(furnishing(schema))
        found = fingerprint(connection, schema)
        if found != body.fingerprint:
            raise SpareUnlikeImage(server.name, schema, found=found, wanted=body.fingerprint)
        connection.execute(stating(schema, body))
        set_unfinished(connection, schema, SPARE + spare_key(body))
    return True


def take_spare(connection: Connection, schema: str, body: ImageBody, *, epoch: int) -> bool:
    """Open a spare of exactly this image to its tenant; False, and nothing changed, if it is none.

    By its mark, which was written when its structure had been measured, and which the filler
    compares with it again and again (`is_whole`).

    Transaction: one; forbids an open one.
    Idempotent: no; a second call returns False. What was opened is ACTIVE.
    """
    facts = {
        "schema": schema,
        "active": Phase.ACTIVE.value,
        "incoming": Phase.INCOMING.value,
        "epoch": epoch,
        "spare": SPARE + spare_key(body),
        "digest": body.digest,
        "fingerprint": body.fingerprint,
        "major": body.major,
    }
    with connection.transaction():
        taken = connection.execute(_TAKE, facts).rowcount == 1
        if taken:
            connection.execute(opening(schema))
    return taken


def is_whole(connection: Connection, schema: str, body: ImageBody) -> bool:
    """Whether a spare of this image still is what it was: by its mark, and as measured now.

    Transaction: any, or none.
    """
    marker = read_marker(connection, schema)
    if marker is None or marker.spare != spare_key(body):
        return False
    return fingerprint(connection, schema) == body.fingerprint
