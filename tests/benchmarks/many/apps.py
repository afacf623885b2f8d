"""Tables upon tables."""

from django.apps import AppConfig


class ManyTablesConfig(AppConfig):
    name = "tests.benchmarks.many"
    label = "bench_many"
    atoll_home = "tenant"
    default_auto_field = "django.db.models.BigAutoField"
