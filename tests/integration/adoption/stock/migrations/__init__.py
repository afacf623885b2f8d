"""Migrations of both releases: the old one has the first."""
