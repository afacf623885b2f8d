"""Session-bound mode: the one place where a session, not a statement, belongs to a tenant.

Migrations need the owner, and statements that refuse a transaction around them. For the time of a
`with` block this thread's connection of the tenant's shard IS a direct connection as the owner,
whose search_path is the tenant's. There is no second alias: a RunPython that read through the web
connection would wait for ever for the lock that the owner's own transaction holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from django.db import connections
from psycopg import sql

from sharding import scope
from sharding.backend.prefix import SHARED_SCHEMAS, Prefix
from sharding.backend.shard.base import DatabaseWrapper
from sharding.pools.deadline import Heeds
from sharding.registry import current as registry
from sharding.registry.types import Server
from sharding.scope import ports

PROBE_CAP_S: Final = 2.0
"""A server that does not answer at once is found out before the work begins."""
WORK_CAP_S: Final = 3600.0
"""A CREATE INDEX may take long."""

OnSchemaChange = Callable[[Callable[..., Any]], None]
"""Gets the `execute` of a cursor in the transaction of the schema editor that has just finished."""

_SEARCH_PATH: Final = sql.SQL("SET search_path TO {}")

_thread = threading.local()


def active() -> bool:
    """Whether this thread is in session-bound mode."""
    return getattr(_thread, "alias", None) is not None


def active_alias() -> str | None:
    """The shard on which this thread is in session-bound mode."""
    alias: str | None = getattr(_thread, "alias", None)
    return alias


def forbid_open_transaction(place: scope.Placement) -> None:
    """Refuse to begin an owner's work where this thread is in the middle of something.

    Raises:
        OpenTransaction: one is open on that shard, or this thread is session-bound already.
    """
    if active() or place.shard in ports.connections_probe.depths():
        raise scope.OpenTransaction(
            current=scope.describe(scope.current()),
            wanted=f"{place}, session-bound",
            aliases=(active_alias() or place.shard,),
        )


@contextmanager
def take_migrations(alias: str) -> Iterator[None]:
    """Let the router send this thread's models to a shard, as if it were migrated there.

    For Django's `loaddata` on a tenant's own connection; nothing gets the owner's rights by it.
    """
    before = active_alias()
    _thread.alias = alias
    try:
        yield
    finally:
        _thread.alias = before


class SessionBoundWrapper(DatabaseWrapper):
    """A direct connection as the owner, bound by its session to one tenant."""

    placement: scope.Placement
    on_schema_change: OnSchemaChange | None = None
    cap: float = PROBE_CAP_S
    _serves = False

    def __init__(self, settings_dict: dict[str, Any], alias: str, *, server: Server) -> None:
        # Probes go the way of requests: of a pooler that is away the owner takes no notice.
        self.heeds = Heeds.OPEN if server.pooled == server.direct else Heeds.NOTHING
        super().__init__(settings_dict, alias, server=server)

    def binding(self) -> Prefix | None:
        """Nothing goes before a statement; but the tenant in scope must be the session's.

        Raises:
            WrongTenant: it is another.
        """
        if self._bare:
            return None
        place = scope.current()
        if not isinstance(place, scope.Placement) or place.tenant_id != self.placement.tenant_id:
            raise scope.WrongTenant(
                f"The session-bound connection to {self.alias}",
                belongs_to=self.placement.tenant_id,
                in_scope=scope.describe(place),
            )
        return None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, with the cap of this moment."""
        connection = super().get_new_connection(conn_params)
        connection.cap = self.cap
        return connection

    def init_connection_state(self) -> None:
        """Django's, and the tenant's path: after every connect, so also after a lost connection."""
        super().init_connection_state()
        names = (self.placement.schema, *SHARED_SCHEMAS)
        path = sql.SQL(", ").join(map(sql.Identifier, names))
        with self.connection.cursor() as cursor:
            cursor.execute(_SEARCH_PATH.format(path))

    def begin_unbound_work(self) -> None:
        """A schema editor without a transaction may work here."""

    def allow_long_work(self) -> None:
        """From now on statements may take long."""
        self.cap = WORK_CAP_S
        if self.connection is not None:
            self.connection.cap = WORK_CAP_S


class session_bound:  # noqa: N801 - reads as a verb where it is used
    """Be the owner of `placement`'s schema for the length of a `with` block, in its scope.

    `on_schema_change` is called inside each schema editor's transaction, after its last statement.

    Transaction: must not stand inside one on that shard.

    Raises:
        OpenTransaction: one is open there, or this thread is session-bound already.
        OperationalError: within seconds, where the server does not answer.
    """

    def __init__(
        self, placement: scope.Placement, on_schema_change: OnSchemaChange | None = None
    ) -> None:
        self._placement = placement
        self._on_schema_change = on_schema_change

    def __enter__(self) -> Self:
        place = self._placement
        forbid_open_transaction(place)
        self._entered = scope.enter(place, independent=True)
        self._entered.__enter__()
        try:
            self._connect()
        except BaseException as error:
            self._leave(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(kind, error, trace)

    def _connect(self) -> None:
        place = self._placement
        server = registry.shard(place.shard)
        handler: Any = connections
        full = handler.settings_for(place.shard, server, login=server.own, endpoint=server.direct)
        wrapper = SessionBoundWrapper(full, place.shard, server=server)
        wrapper.placement = place
        wrapper.on_schema_change = self._on_schema_change
        handler[place.shard] = wrapper
        _thread.alias = place.shard
        wrapper.ensure_connection()
        wrapper.allow_long_work()

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _thread.alias = None
        # Closes the owner's connection, which has no pool, and puts back what was there before.
        self._entered.__exit__(kind, error, trace)
