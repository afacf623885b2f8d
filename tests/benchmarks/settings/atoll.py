"""Atoll: the product's settings of production, unchanged, and the application to measure."""

from config.settings.prod import *  # noqa: F403
from config.settings.prod import INSTALLED_APPS as PRODUCT_APPS

INSTALLED_APPS = [*PRODUCT_APPS, "tests.benchmarks.app"]
ROOT_URLCONF = "tests.benchmarks.app.urls_atoll"
