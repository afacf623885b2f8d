"""PostgreSQL servers, Redis and PgBouncer for development, demo and tests."""
