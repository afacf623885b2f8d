"""The application of `make bench-move`."""

from django.apps import AppConfig


class MovedBenchConfig(AppConfig):
    name = "tests.benchmarks.moved"
    label = "bench_moved"
    atoll_home = "tenant"
    default_auto_field = "django.db.models.BigAutoField"
