"""Migrations of the tenants tables."""
