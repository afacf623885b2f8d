"""Schema editors: furnish what they made, and need a session that keeps its tenant."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from django.db import transaction
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

from sharding.backend.statements import trusted

if TYPE_CHECKING:
    from sharding.backend.shard.base import DatabaseWrapper


class BoundSchemaEditor(DatabaseSchemaEditor):
    """Django's schema editor on a shard.

    Inside session-bound mode it calls `connection.on_schema_change`, after its last statement and
    in its own transaction: no table is ever visible without its furniture.
    """

    connection: DatabaseWrapper

    def __enter__(self) -> Self:
        if not self.atomic_migration and not self.collect_sql:
            self.connection.begin_unbound_work()
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                try:
                    self._finish()
                except BaseException:
                    super().__exit__(*sys.exc_info())
                    raise
            super().__exit__(kind, error, trace)
        finally:
            if not self.atomic_migration and not self.collect_sql:
                self.connection.end_unbound_work()

    def _finish(self) -> None:
        for statement in self.deferred_sql:
            self.execute(statement, None)
        self.deferred_sql = []
        changed = getattr(self.connection, "on_schema_change", None)
        if changed is None or self.collect_sql:
            return
        with transaction.atomic(self.connection.alias), self.connection.cursor() as cursor:
            changed(cursor.execute)

    def execute(self, sql: Any, params: Any = ()) -> Any:
        """As in Django; texts of several statements are its own, and go out as they are."""
        with trusted():
            return super().execute(sql, params)
