"""Migrations as SQL: seen once in a template, sent to every schema that is alike."""
