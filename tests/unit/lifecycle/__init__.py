"""The rest of a tenant's life, as far as no server is asked."""
