"""Adoption: a schema that django-tenants made becomes a tenant's."""
