"""Take a schema over: one transaction, so that it is theirs or ours and never half of each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import sql

from migrations_tools.ids.services.renumber import renumber
from sharding.pools.outages import without_rows
from sharding.schemas.connections import Connection, Patience, admin_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.global_ids import PERMISSIONS, TYPES
from sharding.schemas.services.take_schema import own_schema, take_schema
from tenants.adoption.errors import (
    AdoptionChanged,
    AdoptionsTakeTurns,
    CannotAdopt,
    NothingToAdopt,
    SchemaInUse,
    TakeOverFailed,
)
from tenants.adoption.services.plan import plan_adoption_of
from tenants.adoption.services.shared_rows import ColumnsDiffer, SharedRows
from tenants.adoption.services.survey import look_at_schema
from tenants.adoption.types import SHARED, Admin, AdoptionPlan, Survey, TakeOver

PATIENCE: Final = Patience(statement=timedelta(hours=1), lock=timedelta(seconds=2))

# Letting go of the shared tables locks them, so two at once would wait for each other.
_TAKE_TURNS: Final = "SELECT pg_try_advisory_xact_lock(hashtext('atoll.adoption'))"
_DEFER: Final = "SET CONSTRAINTS ALL DEFERRED"
_CHECK: Final = "SET CONSTRAINTS ALL IMMEDIATE"
_PRINT_ALL: Final = "SET LOCAL search_path TO pg_catalog"
_LOCK: Final = "LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"
_EMPTY: Final = "TRUNCATE {tables} CASCADE"
_BRING: Final = "ALTER TABLE {donor}.{table} SET SCHEMA {schema}"
_DROP_KEY: Final = "ALTER TABLE {table} DROP CONSTRAINT {name}"
_ADD_KEY: Final = "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
_FORGET: Final = "DELETE FROM {table} WHERE app <> ALL (%(labels)s)"

# Foreign keys from `home` to `target`, as they are to be in the schema itself. Of the donor, only
# those of brought tables to tables that the schema has its own of.
_KEYS: Final = """
    SELECT mine.relname, con.conname,
           replace(pg_get_constraintdef(con.oid),
                   format('REFERENCES %%I.%%I(', theirs.relnamespace::regnamespace::text,
                          theirs.relname),
                   format('REFERENCES %%I.%%I(', %(schema)s::text, theirs.relname))
    FROM pg_constraint con
    JOIN pg_class mine ON mine.oid = con.conrelid
    JOIN pg_class theirs ON theirs.oid = con.confrelid
    WHERE con.contype = 'f' AND con.conparentid = 0
      AND mine.relnamespace = to_regnamespace(quote_ident(%(home)s))
      AND theirs.relnamespace = to_regnamespace(quote_ident(%(target)s))
      AND (%(home)s <> %(target)s
           OR mine.relname = ANY (%(brought)s) AND theirs.relname <> ALL (%(brought)s))
    ORDER BY 1, 2
"""
_COUNTERS: Final = """
    SELECT a.attname,
           pg_get_serial_sequence(format('%%I.%%I', %(schema)s::text, %(table)s::text), a.attname)
    FROM pg_attribute a
    WHERE a.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
      AND a.attnum > 0 AND NOT a.attisdropped
"""
_COUNT_ON: Final = """
    SELECT setval({sequence}::regclass, greatest(max({column}), 1), max({column}) IS NOT NULL)
    FROM {table}
"""
# The triggers of global ids look to these themselves.
_COUNTED: Final = frozenset({TYPES.name, PERMISSIONS.name})

Tell = Callable[[str], None]


@contextmanager
def connected(admin: Admin) -> Iterator[Connection]:
    """The administrator's connection, with patience for much work.

    Raises:
        ServerUnreachable: it cannot be had, or was lost.
    """
    with admin_connection(admin.server.name, admin.conninfo, PATIENCE) as connection:
        yield connection


def survey_and_plan(connection: Connection, shard: str, schema: str) -> AdoptionPlan:
    """What adopting `schema` would do. Changes nothing.

    Raises:
        NothingToAdopt: there is no such schema.
    """
    with connection.transaction():
        survey = look_at_schema(connection, schema)
    if survey is None:
        raise NothingToAdopt(shard, schema, "there is no such schema in this database")
    return plan_adoption_of(survey)


@dataclass(slots=True)
class Taking:
    """A schema's way into the platform.

    Attributes:
        connection: the administrator's.
        donor: a template at the code's state; what the schema lacks is taken from it.
        tell: hears what is being done.
    """

    connection: Connection
    admin: Admin
    plan: AdoptionPlan
    donor: str
    tenant_id: str
    also: tuple[tuple[str, str], ...] = ()
    tell: Tell = lambda line: None
    _doing: str = field(default="looking at it", init=False)

    def run(self) -> TakeOver:
        """Make the schema the tenant's. The point of no return is its commit.

        Locks: ACCESS EXCLUSIVE on every table of the schema, until the end; on the shared tables
            that it referred to from when its rows are copied, so that the old application's other
            tenants wait for the rest of it.
        Transaction: one, on the administrator's connection.

        Raises:
            AdoptionsTakeTurns: another one is under way in this database; nothing was changed.
            SchemaInUse: somebody works with it; nothing was changed.
            AdoptionChanged, CannotAdopt, TakeOverFailed: nothing was changed.
            ServerUnreachable: nothing was changed, or all of it: the next run sees which.
        """
        schema = self.plan.survey.schema
        try:
            with self.connection.transaction():
                return self._take()
        except psycopg.errors.LockNotAvailable as error:
            raise SchemaInUse(schema) from error
        except ColumnsDiffer as error:
            raise CannotAdopt(schema, (str(error),)) from error
        except psycopg.Error as error:
            if self.connection.closed:
                name = self.admin.server.name
                raise ServerUnreachable(name, "as administrator", str(error)) from error
            raise TakeOverFailed(schema, self._doing, without_rows(error)) from error

    def _take(self) -> TakeOver:
        connection, plan, schema = self.connection, self.plan, self.plan.survey.schema
        row = connection.execute(_TAKE_TURNS).fetchone()
        if not (row and row[0]):
            raise AdoptionsTakeTurns(schema)
        self._do("locking its tables")
        _on_tables(connection, _LOCK, schema, sorted(plan.survey.tables))
        now = look_at_schema(connection, schema)
        if now is None or _lasting(now) != _lasting(plan.survey):
            raise AdoptionChanged(schema)
        connection.execute(_PRINT_ALL)
        self._do("giving it to the platform's owner")
        revoked = own_schema(connection, self.admin.server, schema)
        back_home = self._drop_keys(self.donor, self.donor)
        copied, staying = self._copy()
        self._bring()
        led_out = self._drop_keys(schema, SHARED)
        self._add_keys([*back_home, *led_out])
        self._do("forgetting migrations of apps that tenants do not have")
        connection.execute(
            sql.SQL(_FORGET).format(table=sql.Identifier(schema, "django_migrations")),
            {"labels": sorted(plan.labels)},
        )
        self._do("giving content types and permissions their global ids")
        connection.execute(_DEFER)
        renumbered = renumber(connection, schema)
        connection.execute(_CHECK)
        self._do("renaming it and furnishing it")
        take_schema(connection, self.admin.server, schema, self.tenant_id)
        self._do("committing")
        return TakeOver(
            copied=copied,
            staying=staying,
            repointed=len(led_out),
            renumbered=renumbered.content_types + renumbered.permissions,
            rows_followed=renumbered.rows,
            revoked=revoked,
        )

    def _copy(self) -> tuple[dict[str, int], dict[str, int]]:
        if not self.plan.from_shared:
            return {}, {}
        self._do(f"copying shared rows of {', '.join(self.plan.from_shared)}")
        self.connection.execute(_DEFER)
        _on_tables(self.connection, _EMPTY, self.donor, self.plan.from_shared)
        done = SharedRows(self.connection, self.plan, self.donor).copy(self.also)
        self.connection.execute(_CHECK)
        return done

    def _bring(self) -> None:
        schema = self.plan.survey.schema
        for table in self.plan.bring:
            self._do(f"bringing the table {table}")
            self.connection.execute(
                sql.SQL(_BRING).format(
                    donor=sql.Identifier(self.donor),
                    table=sql.Identifier(table),
                    schema=sql.Identifier(schema),
                )
            )
        for table in self.plan.from_shared:
            if table not in _COUNTED:
                _count_on(self.connection, schema, table)

    def _drop_keys(self, home: str, target: str) -> list[tuple[str, str, str]]:
        facts = {
            "home": home,
            "target": target,
            "schema": self.plan.survey.schema,
            "brought": list(self.plan.bring),
        }
        keys = self.connection.execute(_KEYS, facts).fetchall()
        for table, name, _ in keys:
            self.connection.execute(
                sql.SQL(_DROP_KEY).format(
                    table=sql.Identifier(home, table), name=sql.Identifier(name)
                )
            )
        return keys

    def _add_keys(self, keys: list[tuple[str, str, str]]) -> None:
        for table, name, definition in keys:
            self._do(f"letting {table}'s key {name} lead into the schema itself")
            self.connection.execute(
                sql.SQL(_ADD_KEY).format(
                    table=sql.Identifier(self.plan.survey.schema, table),
                    name=sql.Identifier(name),
                    # The catalogue has printed it.
                    definition=sql.SQL(definition),
                )
            )

    def _do(self, what: str) -> None:
        self._doing = what
        self.tell(what)


def _lasting(survey: Survey) -> Survey:
    """Without what changes by itself."""
    return replace(survey, rows=0)


def _count_on(connection: Connection, schema: str, table: str) -> None:
    facts = {"schema": schema, "table": table}
    for column, sequence in connection.execute(_COUNTERS, facts).fetchall():
        if sequence is not None:
            connection.execute(
                sql.SQL(_COUNT_ON).format(
                    sequence=sql.Literal(sequence),
                    column=sql.Identifier(column),
                    table=sql.Identifier(schema, table),
                )
            )


def _on_tables(
    connection: Connection, statement: str, schema: str, tables: tuple[str, ...] | list[str]
) -> None:
    if tables:
        listed = sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
        connection.execute(sql.SQL(statement).format(tables=listed))
