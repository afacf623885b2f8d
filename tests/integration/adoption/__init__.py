"""Schemas that django-tenants made itself, adopted: a Django of each, with the same two apps."""
