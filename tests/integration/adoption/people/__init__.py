"""People, whom django-tenants shares between tenants."""
