"""What django-tenants wants of a project: tenant and domain models, a cached middleware."""
