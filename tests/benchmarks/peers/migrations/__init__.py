"""Migrations of the tenant models."""
