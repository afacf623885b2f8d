"""Migrations of the table of hosts."""
