"""Atoll with the application of `make bench-move`: 24 tables that are filled, two that are written.

What the product's own workspace would add is left out, so that the tenant is what the page says.
BENCH_MORE_TABLES says how many small tables every tenant has beside these.
"""

import os

from tests.benchmarks.settings.fleet_atoll import *  # noqa: F403
from tests.benchmarks.settings.fleet_atoll import INSTALLED_APPS as FLEET_APPS

_many = ["tests.benchmarks.many"] if os.environ.get("BENCH_MORE_TABLES") else []
INSTALLED_APPS = [*FLEET_APPS, "tests.benchmarks.moved", *_many]
ROOT_URLCONF = "tests.benchmarks.moved.urls"
