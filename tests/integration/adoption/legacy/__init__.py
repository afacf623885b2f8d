"""The project on django-tenants that is left."""
