"""The shard's connection, with what the suite asks beyond what a shard is asked.

Statements, cursors, savepoints, transactions, compilers: all that is compared is the product's.
Different is whose connection it is: the suite has two databases, which it calls `default` and
`other`, and makes their tables through the very connection that it tests.
"""

from typing import Any

from psycopg import sql

from sharding import scope
from sharding.backend.prefix import SHARED_SCHEMAS, Prefix, prefix_for
from sharding.backend.session_bound import WORK_CAP_S
from sharding.backend.shard import base as shard

_BE_TENANT = sql.SQL("SET SESSION ROLE {role}; SET SESSION search_path TO {path}")


class DatabaseWrapper(shard.DatabaseWrapper):
    """One tenant, who lives behind every alias."""

    _session_bound = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. Statements may take as long as in session-bound mode: some make databases."""
        connection = super().get_new_connection(conn_params)
        connection.cap = WORK_CAP_S
        return connection

    def binding(self) -> Prefix | None:
        """As a shard's, but whatever the alias is: the suite also copies connections under others.

        Raises:
            NoTenantInScope: there is none.
        """
        if self._bare:
            return None
        return prefix_for(scope.tenant(f"A statement on {self.alias}"))

    def begin_unbound_work(self) -> None:
        """Bind the session, as session-bound mode does; here as the tenant and not as the owner.

        Inside a transaction (some tests open one around) statements are bound as ever.
        """
        if self.in_atomic_block:
            return
        place = scope.tenant()
        names = sql.SQL(", ").join(map(sql.Identifier, (place.schema, *SHARED_SCHEMAS)))
        self._session_bound = True
        self._bare += 1
        with self.cursor() as cursor:
            cursor.execute(_BE_TENANT.format(role=sql.Identifier(place.role), path=names))

    def end_unbound_work(self) -> None:
        """Close the session for real: it is the tenant's."""
        if self._session_bound:
            self._session_bound = False
            self._bare -= 1
            self.close_for_real()
