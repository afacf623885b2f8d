"""PostgreSQL servers, Redis and PgBouncer, embedded: for development, demo and tests."""
