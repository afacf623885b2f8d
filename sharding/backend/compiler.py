"""Django's compilers, which refuse what was made in another tenant's scope.

A queryset keeps the alias it was made with. If that alias carries a tenant, it must be the one in
scope when SQL is made of it.
"""

from typing import Any

from django.db.backends.postgresql import compiler as stock

from sharding import scope
from sharding.backend.alias import tenant_of
from sharding.backend.guards import refuse_foreign_record


class OfTenant:
    """Mixed into every compiler."""

    def __init__(self, query: Any, connection: Any, using: Any, elide_empty: bool = True) -> None:
        tenant_id = tenant_of(using)
        if tenant_id is not None:
            place = scope.tenant_or_none()
            if place is None or place.tenant_id != tenant_id:
                model = getattr(query, "model", None)  # raw queries have none
                raise scope.WrongTenant(
                    f"A query on {model._meta.label}" if model else "A raw query",
                    belongs_to=tenant_id,
                    in_scope=scope.describe(scope.current()),
                )
        super().__init__(query, connection, using, elide_empty)  # type: ignore[call-arg]


class SQLCompiler(OfTenant, stock.SQLCompiler):
    """SELECT."""


class SQLInsertCompiler(OfTenant, stock.SQLInsertCompiler):
    """INSERT; looks at the records that it writes."""

    def as_sql(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        """Django's SQL.

        Raises:
            WrongTenant: one of the records is another tenant's.
        """
        for record in self.query.objs:
            refuse_foreign_record(record, "inserting")
        statements: list[tuple[str, Any]] = super().as_sql()
        return statements


class SQLDeleteCompiler(OfTenant, stock.SQLDeleteCompiler):
    """DELETE."""


class SQLUpdateCompiler(OfTenant, stock.SQLUpdateCompiler):
    """UPDATE."""


class SQLAggregateCompiler(OfTenant, stock.SQLAggregateCompiler):
    """Aggregates over a subquery."""


__all__ = [
    "SQLAggregateCompiler",
    "SQLCompiler",
    "SQLDeleteCompiler",
    "SQLInsertCompiler",
    "SQLUpdateCompiler",
]
