"""From a host, or a tenant's id, to the tenant and where it lives."""
