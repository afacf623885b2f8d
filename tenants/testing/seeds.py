"""What the tables of a test database hold at the start, and how they get it again.

Django's `flush` empties one database as whoever the connection is. A tenant's tables are its
owner's, rows that migrations and provisioning made must come back, and a test may have committed in
several tenants: so what is compared, emptied and filled again is each tenant's schema, as `own`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.names import HEARTBEAT, WRITE_PERMIT

_TABLES: Final = """
    SELECT c.relname,
           (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
           (SELECT coalesce(array_agg(DISTINCT referrer.relname::text), '{}')
            FROM pg_constraint JOIN pg_class referrer ON referrer.oid = conrelid
            WHERE confrelid = c.oid AND contype = 'f')
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND NOT c.relname = ANY (%(furniture)s)
    ORDER BY c.relname
"""
# The order of rows does not matter, and a table without any is 0, 0.
_FINGERPRINT: Final = """
    SELECT {name}, count(*), coalesce(bit_xor(hashtextextended(entry::text, 0)), 0)
    FROM {table} entry
"""
_COPY_OUT: Final = "COPY (SELECT {columns} FROM {table}) TO STDOUT"
_COPY_IN: Final = "COPY {table} ({columns}) FROM STDIN"
_EMPTY: Final = "TRUNCATE {tables}"

Fingerprint = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the columns that can be written, and the tables that refer to it."""

    columns: tuple[str, ...]
    referrers: tuple[str, ...]


@dataclass
class Seeds:
    """The rows of one schema at the start.

    Attributes:
        owner: a connection to its database as `own`, which stays open.
        schema: a tenant's, or control's `public`.
    """

    owner: Connection
    schema: str
    _tables: Mapping[str, Table] = field(init=False)
    _fingerprint: Fingerprint = field(init=False)
    _rows: Mapping[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        furniture = [HEARTBEAT, WRITE_PERMIT, "django_migrations"]
        found = self.owner.execute(_TABLES, {"schema": self.schema, "furniture": furniture})
        self._tables = {
            name: Table(tuple(columns or ()), tuple(referrers))
            for name, columns, referrers in found
        }
        self._fingerprint = self._look()
        self._rows = {
            name: self._copy_out(name) for name, (count, _) in self._fingerprint.items() if count
        }

    def restore(self) -> tuple[str, ...]:
        """Bring changed tables back to what they held, and return their names.

        Sequences go on, as they do after Django's flush.

        Transaction: one, as `own`.
        """
        now = self._look()
        changed = [name for name in now if now[name] != self._fingerprint[name]]
        if changed:
            with self.owner.transaction():
                self._empty_and_fill(self._with_referrers(changed))
        return tuple(changed)

    def _look(self) -> Fingerprint:
        if not self._tables:
            return {}
        each = [
            sql.SQL(_FINGERPRINT).format(name=sql.Literal(name), table=self._table(name))
            for name in self._tables
        ]
        rows = self.owner.execute(sql.SQL(" UNION ALL ").join(each))
        return {name: (count, hashed) for name, count, hashed in rows}

    def _with_referrers(self, names: Iterable[str]) -> list[str]:
        """TRUNCATE takes a table only together with those that refer to it."""
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead += [one for one in self._tables[name].referrers if one in self._tables]
        return sorted(found)

    def _empty_and_fill(self, names: list[str]) -> None:
        tables = sql.SQL(", ").join(self._table(name) for name in names)
        self.owner.execute(sql.SQL(_EMPTY).format(tables=tables))
        # Django's foreign keys are looked at when the transaction ends, so the order is free.
        for name in names:
            if name in self._rows:
                statement = self._with_columns(_COPY_IN, name)
                with self.owner.cursor() as cursor, cursor.copy(statement) as copy:
                    copy.write(self._rows[name])

    def _copy_out(self, name: str) -> bytes:
        with self.owner.cursor() as cursor, cursor.copy(self._with_columns(_COPY_OUT, name)) as out:
            return b"".join(bytes(part) for part in out)

    def _with_columns(self, statement: str, name: str) -> sql.Composed:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._tables[name].columns))
        return sql.SQL(statement).format(columns=columns, table=self._table(name))

    def _table(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.schema, name)
