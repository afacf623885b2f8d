"""The benchmark's application, home: the tenant."""

from django.apps import AppConfig


class BenchConfig(AppConfig):
    name = "tests.benchmarks.app"
    label = "bench"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
