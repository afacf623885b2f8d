"""A TestCase's `fixtures`, loaded where the test's transaction is.

The product's `loaddata` works as the owner, on a connection of its own: what it loads is committed,
and a test could not take it back. Here Django's runs on the tenant's connection.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.management.commands import loaddata
from django.db import connections
from django.db.models import AutoField
from psycopg import sql

from sharding import scope
from sharding.backend.session_bound import take_migrations
from sharding.registry import current
from sharding.schemas.connections import own_connection

_HIGHEST: Final = "SELECT max({column}) FROM {table}"
_GO_ON_AFTER: Final = "SELECT setval(pg_get_serial_sequence({table}, {column}), {highest})"


class LoadIntoTest(loaddata.Command):
    """Django's, but that sequences are set by their owner."""

    def reset_sequences(self, connection: Any, models: Iterable[Any]) -> None:
        """Let the next ids follow those that were loaded. Django's would take a right on them."""
        place = scope.tenant("Loading fixtures")
        with own_connection(current.shard(place.shard)) as owner, connection.cursor() as cursor:
            for model in models:
                for field in model._meta.local_concrete_fields:
                    if isinstance(field, AutoField):
                        _go_on(owner, cursor, place.schema, field)


def _go_on(owner: Any, cursor: Any, schema: str, field: Any) -> None:
    table, column = field.model._meta.db_table, field.column
    # On the test's connection: nobody else sees what it has not committed.
    cursor.execute(
        sql.SQL(_HIGHEST).format(column=sql.Identifier(column), table=sql.Identifier(table))
    )
    (highest,) = cursor.fetchone()
    if highest is not None:
        name = sql.Identifier(schema, table).as_string(None)
        owner.execute(
            sql.SQL(_GO_ON_AFTER).format(
                table=sql.Literal(name), column=sql.Literal(column), highest=sql.Literal(highest)
            )
        )


def load_fixtures(place: scope.Placement, names: Sequence[str]) -> None:
    """Load fixture files into the tenant in scope.

    Transaction: the caller's, if one is open.
    """
    command = LoadIntoTest()
    parser = command.create_parser("manage.py", "loaddata")
    options = vars(parser.parse_args(list(names)))
    labels = options.pop("args")
    # The router lets models into a shard while it takes migrations only.
    with take_migrations(place.shard):
        assert connections["default"].alias == place.shard, "in scope, both are one connection"
        command.execute(*labels, **{**options, "database": place.shard, "verbosity": 0})
