"""The stand-in for `default` while there is no scope.

Models are imported, checks run and queries are printed without any scope, and all of them ask the
connection for its vendor, its operations or its features. It answers these, and refuses the rest.
"""

from typing import Any, NoReturn

from django.db.backends.postgresql import base as postgresql
from django.db.backends.postgresql.client import DatabaseClient

from sharding.backend.creation import NoCreation
from sharding.backend.operations import DatabaseOperations
from sharding.backend.tenancy import TenancyWords
from sharding.scope import NoTenantInScope

OLDEST_SUPPORTED = 150000


class RefusingClient(DatabaseClient):
    """`dbshell` without a scope would start psql on whatever server libpq finds."""

    def runshell(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse.

        Raises:
            NoTenantInScope: always.
        """
        raise NoTenantInScope("A database shell")


class DatabaseWrapper(TenancyWords, postgresql.DatabaseWrapper):
    """`default` without a scope."""

    client_class = RefusingClient
    creation_class = NoCreation
    ops_class = DatabaseOperations

    # Without a version, features that depend on it would connect.
    pg_version = OLDEST_SUPPORTED
    autocommit = True

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NoTenantInScope("The database `default`")

    connect = get_new_connection = ensure_connection = _refuse
    cursor = chunked_cursor = temporary_connection = _refuse
    on_commit = get_autocommit = set_autocommit = set_rollback = get_rollback = _refuse
    savepoint = savepoint_create = savepoint_commit = savepoint_rollback = _refuse
    commit = rollback = schema_editor = _refuse

    def close(self) -> None:
        """Nothing is open."""
