"""Migrations of both releases."""
