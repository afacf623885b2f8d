"""PgBouncer before the servers: its files from the budget, and its console."""
