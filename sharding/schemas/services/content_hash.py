"""Whether two tables hold the same rows, in whatever order, on whatever server."""

from dataclasses import dataclass
from typing import Final, Self

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import TableShape

_EXACT: Final = frozenset(
    {
        "bigint",
        "boolean",
        "bytea",
        "date",
        "integer",
        "smallint",
        "text",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
    }
)
"""Types of which two values have one hash only if they are the same, and the same hash on every
server. Not so numeric (1.5 and 1.50 are equal), float (0 and -0), interval, arrays (dimensions are
left out), jsonb; enum and reg* are hashed by OID, which differs between two servers of one version.
"""

# A sum and no xor: two equal rows would cancel each other out.
_HASH = "SELECT count(*), coalesce(sum({row}::numeric), 0)::text FROM ONLY {table}"
_RECORD = "hash_record_extended(ROW({columns}), 0)"
_TEXT = "hashtextextended(ROW({columns})::text, 0)"


@dataclass(frozen=True, slots=True)
class ContentHash:
    """What two tables have in common if and only if they hold the same rows.

    "Only if" up to an accident of one in 2**64; not against somebody who wants it.

    Attributes:
        form: how rows were hashed, `record` or `text`; different forms cannot be compared.
        total: the sum of the rows' hashes.
    """

    rows: int
    form: str
    total: str

    def __str__(self) -> str:
        return f"{self.form}:{self.rows}:{self.total}"

    @classmethod
    def parse(cls, told: str) -> Self:
        """Read what str() has written.

        Raises:
            ValueError: it has not.
        """
        form, rows, total = told.split(":")
        return cls(int(rows), form, total)


def content_hash(connection: Connection, schema: str, table: TableShape) -> ContentHash:
    """The hash of all rows of one table, as `TableShape` has its columns.

    The order of the columns counts: who compares two tables gives both the same one.

    Transaction: the caller's, pinned (`transfer.pin`).
    """
    form = "record" if _EXACT.issuperset(table.types) and table.columns else "text"
    asked = sql.SQL(_HASH).format(
        row=sql.SQL(_RECORD if form == "record" else _TEXT).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, table.columns))
        ),
        table=sql.Identifier(schema, table.name),
    )
    row = connection.execute(asked).fetchone()
    assert row is not None, "an aggregate has one row"
    return ContentHash(row[0], form, row[1])
