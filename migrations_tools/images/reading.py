"""Read a template off as a script, and prove that the script makes it again."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from migrations_tools.images.comparison import agreed, cut, seeds
from migrations_tools.images.dumping import dump
from migrations_tools.images.errors import BuildsDiffer, ReplayDiffers
from migrations_tools.images.templates import Template, fill, template
from migrations_tools.images.tokens import script_of
from sharding.registry.types import Server
from sharding.schemas.services.fingerprint import Part, differences, digest_of, structure
from sharding.schemas.services.image_replay import ImageBody

_TENANTS: Final = "SELECT schema FROM atoll.tenant_schema"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a template is.

    Attributes:
        parts: its structure, as the catalogue tells it.
        script: what makes it, with a placeholder for its name.
    """

    parts: tuple[Part, ...]
    script: tuple[str, ...]


def read(made: Template) -> Reading:
    """Read a template off.

    Raises:
        ImageRefused: what it holds fits no other schema.
        NoDump: pg_dump is missing, older than the server, or failed.
    """
    forbidden = {"public", *(name for (name,) in made.raw.execute(_TENANTS))}
    script = script_of(dump(made.server, made.name), made.name, forbidden=forbidden)
    return Reading(structure(made.raw, made.name), script)


def agree(first: Reading, second: Reading, expressions: Mapping[str, str]) -> Reading:
    """Two builds of the same migrations as one, with expressions where they were declared.

    Raises:
        BuildsDiffer: something differs for which no expression was declared.
    """
    if found := differences(first.parts, second.parts):
        raise BuildsDiffer(found)
    return dataclasses.replace(first, script=agreed(first.script, second.script, expressions))


def prove(
    server: Server, reading: Reading, digest: str, expressions: Mapping[str, str]
) -> ImageBody:
    """The image of what was read, after it was replayed in a new template and compared.

    Raises:
        ReplayDiffers: it makes something else, or fails.
    """
    body = _cut(reading, digest)
    with template(server) as made:
        try:
            locks = fill(made, body)
        except psycopg.DatabaseError as error:
            if made.raw.closed:
                raise
            raise ReplayDiffers((f"It fails: {error}",)) from error
        again = read(made)
        major = made.major
    if found := differences(reading.parts, again.parts):
        raise ReplayDiffers(found)
    try:
        # Rows as they were read; cells with an expression are new in each.
        agreed(seeds(reading.script), seeds(again.script), expressions)
    except BuildsDiffer as error:
        raise ReplayDiffers(error.differences) from error
    return dataclasses.replace(body, locks=locks, major=major)


def _cut(reading: Reading, digest: str) -> ImageBody:
    return ImageBody(
        pieces=cut(reading.script),
        locks=1,
        digest=digest,
        fingerprint=digest_of(reading.parts),
        major=0,
    )
