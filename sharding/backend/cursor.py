"""Cursors whose statements carry the tenant in scope.

A statement goes out as one simple-query message, `SET LOCAL ROLE …; SET LOCAL search_path …;`
newline, the statement: an implicit transaction, so the binding holds for exactly this statement,
or until the end of an open transaction. The results of the prefix are taken off before anybody
sees them. `BEGIN`, where one is due, rides in the same message.

What a statement met and whether it may have written is noted (`sharding.scope.latch`): that a
tenant has moved is found out here, whatever the code above makes of the error.

A cursor without a binding sends what it is given: psycopg's own, the pool's and health checks.

These are psycopg's private hooks, each with a canary in tests/unit/backend: `_execute_send`,
`_set_results`, `_raise_for_result`, the connection's `_start_query` and `_get_tx_start_command`,
and the pipeline's queues.

Source: docs/adr/0002; docs/security.md.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, NoReturn, Self, cast

import psycopg
from django.db.backends.postgresql.base import Cursor as StockCursor
from django.db.backends.postgresql.base import ServerSideCursor as StockServerSideCursor
from psycopg import sql
from psycopg.copy import Copy, Writer
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from sharding.backend.prefix import Prefix
from sharding.backend.statements import (
    holds_several,
    is_trusted,
    may_write,
    refuse_session_state,
)
from sharding.pools.deadline import Deadlined

Binding = Callable[[], Prefix | None]
"""Asked when a statement runs: the prefix of the tenant in scope, None to send it as it is."""

_IDLE: Final = TransactionStatus.IDLE
_INERROR: Final = TransactionStatus.INERROR
_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)

# psycopg's own types are many and differ between its releases; what is handed through is Any.
Query = Any


class Bound:
    """What makes a psycopg cursor carry the tenant; mixed in before the cursor's own class."""

    binding: Binding | None = None
    # What the statement under way goes out with; None: as it is.
    _head: bytes | None = None
    _skip: int = 0
    _extended: bool = False
    _pipeline_commands: tuple[bytes, ...] = ()

    _conn: Deadlined

    def execute(self, query: Query, params: Any = None, **options: Any) -> Self:
        """Run one statement as the tenant in scope.

        Raises:
            NoTenantInScope, WrongShard: at this very moment the scope is not this connection's.
            SessionStateRefused: it would change the session.
        """
        binding = self.binding
        prefix = binding() if binding is not None else None
        if prefix is None:
            return self._execute_bare(query, params, options)
        text = query if type(query) is str else _text(query, self._conn)
        refuse_session_state(text)
        status = self._conn.pgconn.transaction_status
        if status == _INERROR:
            # The server refuses all but ROLLBACK, which must reach it as it is.
            return self._execute_bare(query, params, options)
        conn = self._conn
        # Django's own reads begin so; all else is looked at.
        if (text[:7] != "SELECT " or ";" in text) and may_write(text):
            conn.wrote = True
        if ";" in text and holds_several(text) and not is_trusted():
            with self._noted(), self._held(prefix):
                self._extended = True
                return self._execute_bare(query, params, options)
        if conn._pipeline:
            # Somebody's own. Whether it stands at the beginning of its transaction only the server
            # knows, so its SET LOCALs may warn; set_config could be refused.
            self._pipeline_commands = prefix.commands
            try:
                return self._execute_bare(query, params, options)
            finally:
                self._pipeline_commands = ()
        self._head = prefix.sql
        self._skip = prefix.results
        if status == _IDLE and not conn.autocommit:
            self._head = conn._get_tx_start_command() + b";" + prefix.sql
            self._skip += 1
            conn.begin_rides = True
        try:
            return self._execute_bare(query, params, options)
        finally:
            self._head = None
            self._skip = 0
            conn.begin_rides = False

    def executemany(self, query: Query, params_seq: Iterable[Any], **options: Any) -> None:
        """Run one statement for many parameters: a pipeline whose first commands bind it."""
        prefix = self._prefix(query)
        if prefix is None or not psycopg.Pipeline.is_supported():
            if prefix is not None:
                raise psycopg.NotSupportedError("executemany() needs libpq 14 or newer.")
            self._super().executemany(query, params_seq, **options)
            return
        conn = self._conn
        fresh = not conn._pipeline and conn.autocommit and conn.pgconn.transaction_status == _IDLE
        self._pipeline_commands = prefix.fresh_commands if fresh else prefix.commands
        conn.wrote = True
        try:
            with self._noted():
                self._super().executemany(query, params_seq, **options)
        finally:
            self._pipeline_commands = ()

    @contextmanager
    def copy(
        self, statement: Query, params: Any = None, *, writer: Writer | None = None
    ) -> Iterator[Copy]:
        """COPY as the tenant in scope. Out of a transaction it opens one for itself."""
        prefix = self._prefix(statement)
        with ExitStack() as stack:
            if prefix is not None:
                self._conn.wrote = True
                stack.enter_context(self._noted())
                stack.enter_context(self._held(prefix))
                self._extended = True
            yield stack.enter_context(self._super().copy(statement, params, writer=writer))

    def stream(self, query: Query, params: Any = None, **options: Any) -> Iterator[Any]:
        """Iterate over a result as it arrives, as the tenant in scope at the first row."""
        prefix = self._prefix(query)
        with ExitStack() as stack:
            if prefix is not None:
                self._conn.wrote = True
                stack.enter_context(self._noted())
                stack.enter_context(self._held(prefix))
            yield from self._super().stream(query, params, **options)

    def _super(self) -> psycopg.ClientCursor[Any]:
        return cast("psycopg.ClientCursor[Any]", super())

    def _execute_bare(self, query: Query, params: Any, options: dict[str, Any]) -> Self:
        try:
            super().execute(query, params, **options)  # type: ignore[misc]
        except psycopg.Error as error:
            # A pool that somebody else has made may give connections of psycopg's own class; out of
            # a scope they do.
            if isinstance(self._conn, Deadlined):
                self._conn.note(error)
            raise
        if getattr(self._conn, "wrote", False):
            self._conn.settle()
        return self

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self._conn.note(error)
            raise
        self._conn.settle()

    def _prefix(self, query: Query) -> Prefix | None:
        prefix = self.binding() if self.binding is not None else None
        if prefix is None:
            return None
        refuse_session_state(_text(query, self._conn))
        if self._conn.pgconn.transaction_status == _INERROR:
            return None
        return prefix

    @contextmanager
    def _held(self, prefix: Prefix) -> Iterator[None]:
        """A transaction that is bound by a message of its own, for what cannot carry a prefix."""
        conn = self._conn
        with ExitStack() as stack:
            if conn.autocommit and conn.pgconn.transaction_status == _IDLE:
                stack.enter_context(conn.transaction())
            with psycopg.ClientCursor(conn) as bare:
                bare.execute(prefix.sql)
            try:
                yield
            finally:
                self._extended = False

    # --- psycopg's hooks ----------------------------------------------------------------------

    def _execute_send(
        self, query: Any, *, force_extended: bool = False, binary: bool | None = None
    ) -> None:
        head = self._head
        if head is not None:
            self._query = query  # what Django shows is the statement alone
            self._conn.pgconn.send_query(head + query.query)
            return
        if self._pipeline_commands:
            self._queue_commands(self._pipeline_commands)
            self._pipeline_commands = ()
        super()._execute_send(  # type: ignore[misc]
            query, force_extended=force_extended or self._extended, binary=binary
        )

    def _queue_commands(self, commands: tuple[bytes, ...]) -> None:
        pipeline = self._conn._pipeline
        assert pipeline is not None
        for command in commands:
            pipeline.command_queue.append(
                partial(self._conn.pgconn.send_query_params, command, None)
            )
            pipeline.result_queue.append(None)

    def _set_results(self, results: list[PGresult]) -> None:
        # An empty statement leaves the prefix's results only.
        skip = self._skip
        super()._set_results(  # type: ignore[misc]
            (results[skip:] or results[-1:]) if skip else results
        )

    def _raise_for_result(self, result: PGresult) -> NoReturn:
        try:
            super()._raise_for_result(result)  # type: ignore[misc]
        except psycopg.Error as error:
            if self._head is not None and error.diag.statement_position is not None:
                error.args = (_without_prefix_line(str(error)), *error.args[1:])
            raise
        raise AssertionError("psycopg let a failed result pass")


class BoundCursor(Bound, StockCursor):
    """The cursor of all statements but those of server-side cursors."""


class BoundServerSideCursor(Bound, StockServerSideCursor):
    """A named cursor: its DECLARE carries the tenant, FETCH and CLOSE need none."""


def _text(query: Query, connection: psycopg.Connection[Any]) -> str:
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, sql.Composable):
        return query.as_string(connection)
    # A template string: how it reads is known to psycopg only. Treated as the worst.
    return ";?"


def _without_prefix_line(message: str) -> str:
    """`LINE 2:` for what the caller wrote in line 1: the prefix is one line of its own."""
    return _LINE.sub(lambda found: f"LINE {int(found.group(1)) - 1}:", message, count=1)
