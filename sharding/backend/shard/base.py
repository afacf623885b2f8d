"""The connection to a shard: each statement carries the tenant in scope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql.base import TIMESTAMPTZ_OID
from django.db.backends.postgresql.psycopg_any import register_tzloader
from psycopg.pq import Format

from sharding import scope
from sharding.backend.cursor import BoundCursor, BoundServerSideCursor
from sharding.backend.errors import NotSessionBound, StatementRefused
from sharding.backend.identity import check_identity, refused_just_now
from sharding.backend.operations import DatabaseOperations
from sharding.backend.prefix import Prefix, prefix_for
from sharding.backend.schema_editor import BoundSchemaEditor
from sharding.backend.wrapper import ServerWrapper
from sharding.pools.catalogue import SchemasMet, mark_expired
from sharding.pools.conf import schemas_per_connection
from sharding.pools.deadline import Deadlined
from sharding.pools.errors import NoConnectionFree, ShardAway


class DatabaseWrapper(ServerWrapper):
    """A shard, as the tenant in scope.

    The scope is read when a statement runs, not when a cursor or this object is made. Bare, since
    they must work after the scope was left or before there is one: connecting, savepoints, and
    whatever runs on psycopg's own cursors (as `web`, which may do nothing).
    """

    SchemaEditorClass = BoundSchemaEditor
    ops_class = DatabaseOperations

    _bare: int = 0
    _serves: bool = True
    """Whether tenants' people are at the other end, who see nothing of a sealed shard."""

    def __init__(self, settings_dict: dict[str, Any], alias: str, **kwargs: Any) -> None:
        super().__init__(settings_dict, alias, **kwargs)
        if self.alias == NO_DB_ALIAS:
            # CREATE DATABASE and the like: no tenant, and no transaction around it.
            self._bare = 1

    def binding(self) -> Prefix | None:
        """The prefix of a statement that runs now; None while statements go out as they are.

        Raises:
            NoTenantInScope: there is none.
            WrongShard: the tenant in scope lives elsewhere.
        """
        if self._bare:
            return None
        place = scope.current()
        if isinstance(place, scope.Placement):
            if place.shard == self.alias:
                connection = self.connection
                if (
                    connection is not None
                    and (met := connection.schemas) is not None
                    and met.last != place.schema
                ):
                    self._meet(connection, place.schema)
                return prefix_for(place)
            raise scope.WrongShard(connection=self.alias, scope=scope.describe(place))
        if place is None:
            raise scope.NoTenantInScope(f"A statement on shard {self.alias}")
        raise scope.WrongShard(connection=self.alias, scope=scope.describe(place))

    def _meet(self, connection: Deadlined, schema: str) -> None:
        assert connection.schemas is not None
        if connection.schemas.meet(schema):
            connection.meter.add_expired()
            mark_expired(connection)
            # Without a pool the wrapper itself lets go of it when the request ends.
            self.close_at = monotonic()

    @contextmanager
    def bare(self) -> Iterator[None]:
        """Send statements as they are, as the login. For what concerns the session, no tenant's."""
        self._bare += 1
        try:
            yield
        finally:
            self._bare -= 1

    def get_connection_params(self) -> dict[str, Any]:
        """Django's, with the cursor that can be bound."""
        return {**super().get_connection_params(), "cursor_factory": BoundCursor}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, unless the server there was refused a moment ago.

        Raises:
            ShardAway: it was, or the server is known to be away.
            NoConnectionFree: the pool had none to give in time.
        """
        if self.server is not None and (why := refused_just_now(self.server)):
            raise ShardAway(self.alias, why)
        try:
            return super().get_new_connection(conn_params)
        except NoConnectionFree as error:
            # The pool's own threads have met it, while the first of its borrowers waited here.
            if self.server is not None and (why := refused_just_now(self.server)):
                raise ShardAway(self.alias, why) from error
            raise

    def _configure_connection(self, connection: Any) -> bool:
        """Django's hook for a connection that has just been made, by a pool or without one.

        Raises:
            ShardAway: the server there is not the one that may serve.
        """
        if self.server is not None and self.alias != NO_DB_ALIAS:
            check_identity(connection, self.server, sealed_too=self._serves)
        # Behind a pooler nobody knows which of its connections gets a statement: it has its own
        # limit, server_lifetime.
        most = schemas_per_connection()
        if self._serves and most and self.server and self.server.pooled == self.server.direct:
            connection.schemas = SchemasMet(most)
        configured: bool = super()._configure_connection(connection)  # type: ignore[misc]
        return configured

    def connect(self) -> None:
        """Connect. Handlers of `connection_created` run SQL, with or without a scope."""
        with self.bare():
            super().connect()

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor that asks for its tenant whenever it runs a statement.

        Raises:
            StatementRefused: a named one outside a transaction. It would be WITH HOLD, and its
                rows would stay on the session for the next tenant's FETCH.
        """
        if not name:
            cursor = super().create_cursor()
        elif self.connection.autocommit and not self._bare:
            raise StatementRefused("A named cursor outside a transaction")
        else:
            cursor = self._server_side_cursor(name)
        cursor.binding = self.binding
        return cursor

    def _server_side_cursor(self, name: str) -> BoundServerSideCursor:
        # Django names its own class in the middle of create_cursor; these are its lines.
        make: Any = BoundServerSideCursor
        cursor: BoundServerSideCursor = make(
            self.connection, name=name, scrollable=False, withhold=False
        )
        tzloader = self.connection.adapters.get_loader(TIMESTAMPTZ_OID, Format.TEXT)
        if self.timezone != tzloader.timezone:
            register_tzloader(self.timezone, cursor)
        return cursor

    def chunked_cursor(self) -> Any:
        """A server-side cursor inside a transaction, else an ordinary one."""
        self.ensure_connection()
        if self.get_autocommit():
            return self.cursor()
        return super().chunked_cursor()

    def _savepoint(self, sid: str) -> None:
        with self.bare():
            super()._savepoint(sid)  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        with self.bare():
            super()._savepoint_rollback(sid)  # type: ignore[misc]

    def _savepoint_commit(self, sid: str) -> None:
        with self.bare():
            super()._savepoint_commit(sid)  # type: ignore[misc]

    def check_constraints(self, table_names: Any = None) -> None:
        """Check deferred constraints now; also after the scope was left, as TestCase does."""
        if scope.current() is not None:
            super().check_constraints(table_names)
            return
        with self.bare():
            super().check_constraints(table_names)

    def begin_unbound_work(self) -> None:
        """A schema editor without a transaction is about to start.

        Raises:
            NotSessionBound: here, always; a session-bound connection lets it.
        """
        raise NotSessionBound

    def end_unbound_work(self) -> None:
        """That schema editor has ended."""
