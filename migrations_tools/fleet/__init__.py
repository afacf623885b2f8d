"""The fleet: all tenants' schemas, migrated together, in waves."""
