"""Migrations of the outbox; its tables are every tenant's."""
