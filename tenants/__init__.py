"""Who: tenants, their domains and lifecycle, the way from a host to a tenant."""
