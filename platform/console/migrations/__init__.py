"""Migrations of the operators' tables."""
