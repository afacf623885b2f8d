"""The application of `make bench-fleet`."""

from django.apps import AppConfig


class FleetBenchConfig(AppConfig):
    name = "tests.benchmarks.fleet"
    label = "bench_fleet"
    atoll_home = "tenant"
    default_auto_field = "django.db.models.BigAutoField"
