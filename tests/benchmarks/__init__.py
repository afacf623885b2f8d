"""Benchmarks: Atoll beside plain Django and django-tenants. They assert nothing about time."""
