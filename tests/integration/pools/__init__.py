"""Pools over real servers, PgBouncer among them."""
