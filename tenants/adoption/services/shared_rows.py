"""Copy the rows of shared tables that belong to one tenant, and nobody else's.

A row comes along when something that comes along needs it: a row of the schema that refers to it,
a copied row that refers to it, a joining table's row of a copied one. What refers *to* people is
left (sessions, logs): it would lead to other tenants' rows. `also` names what is wanted besides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.services.global_ids import PERMISSIONS, TYPES
from tenants.adoption.types import SHARED, AdoptionPlan

_COLUMNS: Final = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attname),
           array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attname)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND c.relname = ANY (%(tables)s)
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname
"""
_KEYS: Final = """
    SELECT mine.relname, a.attname, theirs.relname, b.attname,
           EXISTS (
               SELECT FROM pg_index
               WHERE indrelid = con.conrelid AND indisunique AND indnatts = 1
                 AND indkey[0] = con.conkey[1] AND indpred IS NULL
           )
    FROM pg_constraint con
    JOIN pg_class mine ON mine.oid = con.conrelid
    JOIN pg_class theirs ON theirs.oid = con.confrelid
    JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = con.conkey[1]
    JOIN pg_attribute b ON b.attrelid = con.confrelid AND b.attnum = con.confkey[1]
    WHERE con.contype = 'f' AND con.conparentid = 0 AND cardinality(con.conkey) = 1
      AND mine.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND mine.relname = ANY (%(tables)s)
"""

_COPY: Final = """
    INSERT INTO {target} ({columns}) OVERRIDING SYSTEM VALUE
    SELECT {values} FROM {source} AS shared WHERE {condition} ON CONFLICT DO NOTHING
"""
_NEEDED: Final = "EXISTS (SELECT FROM {table} AS mine WHERE mine.{column} = shared.{key})"
_OF_APPS: Final = "shared.app_label = ANY ({labels})"
_COUNT: Final = "SELECT (SELECT count(*) FROM {copied}), (SELECT count(*) FROM {shared})"

# Types of one name may have other numbers in the shared schema than in the tenant's own.
_MISSING_TYPES: Final = """
    INSERT INTO {own} (app_label, model)
    SELECT app_label, model FROM {shared} AS theirs
    WHERE app_label = ANY (%(labels)s) AND NOT EXISTS (
        SELECT FROM {own} AS mine
        WHERE mine.app_label = theirs.app_label AND mine.model = theirs.model
    )
"""
_OWN_TYPE: Final = """
    (SELECT mine.id FROM {own} AS mine
     JOIN {types} AS theirs ON theirs.app_label = mine.app_label AND theirs.model = mine.model
     WHERE theirs.id = shared.{column})
"""
_ROUNDS: Final = 50


class ColumnsDiffer(Exception):
    """A shared table is not what the code's model says."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"{SHARED}.{table} has other columns than the code's model: run this release's "
            "migrations with django-tenants first."
        )


@dataclass(frozen=True, slots=True)
class _Key:
    table: str
    column: str
    to_table: str
    to_column: str
    one_to_one: bool


class SharedRows:
    """Copies into the tables of `donor`, which are empty and as the code wants them.

    Transaction: the caller's; constraints of the donor's tables are deferred.
    """

    def __init__(self, connection: Connection, plan: AdoptionPlan, donor: str) -> None:
        self._connection = connection
        self._plan = plan
        self._donor = donor
        self._source = plan.survey.schema
        self._tables = list(plan.from_shared)
        self._columns = self._comparable()
        self._own_types = TYPES.name in plan.survey.tables
        facts = {"schema": donor, "tables": self._tables}
        self._keys = [_Key(*row) for row in connection.execute(_KEYS, facts)]

    def copy(self, also: tuple[tuple[str, str], ...]) -> tuple[dict[str, int], dict[str, int]]:
        """Copy what belongs to the schema; return rows copied, and rows left behind, by table.

        Raises:
            psycopg.Error: a condition of `also` is no SQL, or a row refers to nothing.
        """
        if self._own_types and PERMISSIONS.name in self._tables:
            self._connection.execute(
                sql.SQL(_MISSING_TYPES).format(
                    own=sql.Identifier(self._source, TYPES.name),
                    shared=sql.Identifier(SHARED, TYPES.name),
                ),
                {"labels": sorted(self._plan.labels)},
            )
        for table, condition in [*self._begin(), *self._wanted(also)]:
            self._insert(table, condition)
        for _ in range(_ROUNDS):
            came = sum(self._insert(table, condition) for table, condition in self._follow())
            if not came:
                break
        return self._counts()

    def _comparable(self) -> Mapping[str, tuple[str, ...]]:
        def read(schema: str) -> dict[str, tuple[list[str], list[str]]]:
            facts = {"schema": schema, "tables": self._tables}
            rows = self._connection.execute(_COLUMNS, facts)
            return {table: (names, types) for table, names, types in rows}

        here, there = read(self._donor), read(SHARED)
        for table in self._tables:
            if here.get(table) != there.get(table):
                raise ColumnsDiffer(table)
        return {table: tuple(names) for table, (names, _) in here.items()}

    def _begin(self) -> Iterator[tuple[str, sql.Composable]]:
        for key in self._plan.survey.leaving:
            if key.to_table in self._columns and len(key.columns) == 1:
                yield (
                    key.to_table,
                    self._needed(self._source, key.table, key.columns[0], key.to_columns[0]),
                )
        for soft in self._plan.soft:
            yield soft.to_table, self._needed(self._source, soft.table, soft.column, soft.to_column)
        if TYPES.name in self._columns:
            labels = sql.Literal(sorted(self._plan.labels))
            yield TYPES.name, sql.SQL(_OF_APPS).format(labels=labels)
        if PERMISSIONS.name in self._columns:
            types = self._source if self._own_types else self._donor
            condition = self._needed(types, TYPES.name, "id", "content_type_id")
            if self._own_types:
                condition = sql.SQL("{} IS NOT NULL").format(self._own_type("content_type_id"))
            yield PERMISSIONS.name, condition

    def _wanted(self, also: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, sql.Composable]]:
        for table, condition in also:
            # The operator's own words, as the superuser that the operator gave.
            yield table, sql.SQL("({})").format(sql.SQL(condition))

    def _follow(self) -> Iterator[tuple[str, sql.Composable]]:
        for key in self._keys:
            if key.to_table in self._columns:
                yield key.to_table, self._needed(self._donor, key.table, key.column, key.to_column)
                if key.one_to_one:
                    yield (
                        key.table,
                        self._needed(self._donor, key.to_table, key.to_column, key.column),
                    )
        for through in self._plan.throughs:
            if through.table in self._columns:
                yield (
                    through.table,
                    self._needed(self._donor, through.of_table, through.of_column, through.column),
                )

    def _needed(self, schema: str, table: str, column: str, key: str) -> sql.Composable:
        return sql.SQL(_NEEDED).format(
            table=sql.Identifier(schema, table),
            column=sql.Identifier(column),
            key=sql.Identifier(key),
        )

    def _own_type(self, column: str) -> sql.Composable:
        return sql.SQL(_OWN_TYPE).format(
            own=sql.Identifier(self._source, TYPES.name),
            types=sql.Identifier(SHARED, TYPES.name),
            column=sql.Identifier(column),
        )

    def _insert(self, table: str, condition: sql.Composable) -> int:
        of_types = {
            key.column
            for key in self._keys
            if key.table == table and key.to_table == TYPES.name and self._own_types
        }
        columns = self._columns[table]
        values = (
            self._own_type(name) if name in of_types else sql.Identifier("shared", name)
            for name in columns
        )
        copied = self._connection.execute(
            sql.SQL(_COPY).format(
                target=sql.Identifier(self._donor, table),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(values),
                source=sql.Identifier(SHARED, table),
                condition=condition,
            )
        )
        return copied.rowcount

    def _counts(self) -> tuple[dict[str, int], dict[str, int]]:
        copied: dict[str, int] = {}
        staying: dict[str, int] = {}
        for table in self._tables:
            row = self._connection.execute(
                sql.SQL(_COUNT).format(
                    copied=sql.Identifier(self._donor, table),
                    shared=sql.Identifier(SHARED, table),
                )
            ).fetchone()
            came, there = row if row is not None else (0, 0)
            copied[table], staying[table] = came, there - came
        return copied, staying
