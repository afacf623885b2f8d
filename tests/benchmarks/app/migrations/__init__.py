"""Migrations of the benchmark's application."""
