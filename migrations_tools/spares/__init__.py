"""Schemas that are made before their tenants are (docs/adr/0025)."""
