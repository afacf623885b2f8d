"""Migrations of the old release."""
