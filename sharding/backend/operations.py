"""Django's operations for PostgreSQL, with compilers that know the tenant."""

from django.db.backends.postgresql.operations import DatabaseOperations as StockOperations


class DatabaseOperations(StockOperations):
    """Names our compilers; everything else is Django's."""

    compiler_module = "sharding.backend.compiler"
