"""What a schema's structure is, as one short text to compare and as sentences for people.

Furniture, owners and privileges are left out: they differ between tenants, and `describe` looks at
them. What is left is equal for all schemas of one state, whatever they are called.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from psycopg import sql
from psycopg.pq import TransactionStatus

from sharding.schemas import names
from sharding.schemas.connections import Connection

_STRUCTURE: Final = (files(__package__) / "fingerprint.sql").read_text("utf-8")

# In the same message as the query: names in the schema are then printed bare, and values as on
# every other server. With the schema alone on the path, what lies outside it is named with its own.
_PRINT_ALIKE: Final = """
    SET LOCAL search_path TO {schema};
    SET LOCAL datestyle TO 'ISO, MDY';
    SET LOCAL timezone TO 'UTC';
    SET LOCAL intervalstyle TO postgres;
    SET LOCAL extra_float_digits TO 1;
    SET LOCAL quote_all_identifiers TO off;
    SET LOCAL jit TO off;
"""
# Inside somebody's transaction their settings come back at once.
_SAVE: Final = "SAVEPOINT atoll_structure;"
_RESTORE: Final = ";ROLLBACK TO SAVEPOINT atoll_structure; RELEASE SAVEPOINT atoll_structure"

# PostgreSQL prints `x IN ('a', 'b')` over a varchar differently once it was dumped and restored.
_CAST_TWICE: Final = re.compile(
    r"('(?:[^']|'')*')::character varying(?:\(\d+\))?::text|\]::text\[\]"
)


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One thing in a schema.

    Attributes:
        kind: such as `table`, `column`, `index`.
        identity: its name, with its table's in front where it has one.
        definition: all about it, as the catalogue prints it; the schema's own name left out.
    """

    kind: str
    identity: str
    definition: str


def structure(connection: Connection, schema: str) -> tuple[Part, ...]:
    """Everything that `schema` holds but its furniture, in an order of its own.

    An empty answer is an empty schema, or none.

    Transaction: any, or none; settings of an open one are as before afterwards.
    Locks: ACCESS SHARE on catalogues.
    """
    query = sql.SQL(_PRINT_ALIKE + _STRUCTURE)
    if connection.info.transaction_status == TransactionStatus.INTRANS:
        query = sql.SQL(_SAVE + _PRINT_ALIKE + _STRUCTURE + _RESTORE)
    cursor = connection.execute(
        query.format(
            schema=sql.Identifier(schema),
            name=sql.Literal(schema),
            permit=sql.Literal(names.WRITE_PERMIT),
            heartbeat=sql.Literal(names.HEARTBEAT),
            guard=sql.Literal(names.GUARD),
        )
    )
    while cursor.description is None:
        cursor.nextset()
    own_name = _own_name(schema)
    parts = (
        Part(kind, identity, own_name.sub("@", _printed_once(definition or "")))
        for kind, identity, definition in cursor
    )
    return tuple(sorted(parts))


def fingerprint(connection: Connection, schema: str) -> str:
    """32 hex digits that are equal for schemas of equal structure on one PostgreSQL major.

    Majors print some definitions differently: whoever stores it stores the major as well.

    Transaction: as `structure`.
    Source: docs/architecture.md, Images.
    """
    return digest_of(structure(connection, schema))


def digest_of(parts: Sequence[Part]) -> str:
    """The fingerprint of a structure that was read already."""
    text = "\x02".join(
        f"{part.kind}\x01{part.identity}\x01{part.definition}" for part in sorted(parts)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differences(wanted: Sequence[Part], found: Sequence[Part]) -> tuple[str, ...]:
    """What is missing, too much or different in `found`, a sentence each; equal ones give none."""
    return tuple(_differences(wanted, found))


def _differences(wanted: Sequence[Part], found: Sequence[Part]) -> Iterator[str]:
    should = {(part.kind, part.identity): part.definition for part in wanted}
    does = {(part.kind, part.identity): part.definition for part in found}
    for kind, identity in sorted(should.keys() | does.keys()):
        before, after = should.get((kind, identity)), does.get((kind, identity))
        if before == after:
            continue
        if after is None:
            yield f"{kind} {identity} is missing."
        elif before is None:
            yield f"{kind} {identity} should not be there."
        else:
            yield f"{kind} {identity} is `{after}` and should be `{before}`."


def _printed_once(definition: str) -> str:
    return _CAST_TWICE.sub(
        lambda found: f"{found[1]}::character varying" if found[1] else "]", definition
    )


def _own_name(schema: str) -> re.Pattern[str]:
    """Where a definition names its own schema: before a dot, or as a function's path.

    Nowhere else: a column may be called like the schema.
    """
    name = re.escape(schema)
    return re.compile(rf'(?<![\w$"])(?:{name}|"{name}")(?=\.)|(?<=search_path=){name}(?![\w$])')
