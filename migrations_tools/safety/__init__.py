"""What a migration would lock or break in a fleet that serves its tenants meanwhile."""
