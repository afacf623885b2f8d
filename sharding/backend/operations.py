"""Django's operations for PostgreSQL, as a tenant can do them."""

from django.db.backends.postgresql.operations import DatabaseOperations as StockOperations


class DatabaseOperations(StockOperations):
    """Names our compilers; everything else but one statement is Django's."""

    compiler_module = "sharding.backend.compiler"

    def set_time_zone_sql(self) -> str:
        """Set the session's time zone without set_config().

        Django sends it bare when settings change, in a test's transaction too: there the tenant's
        role is in force, which may not call that function.
        """
        return "SET TIME ZONE %s"
