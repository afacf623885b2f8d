"""The app of our models, installed for the length of a test only."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import AppConfig, apps

from tests.integration import backend
from tests.integration.backend import models


class BackendTestsConfig(AppConfig):
    name = "tests.integration.backend"
    label = "backend_tests"
    atoll_home = "tenant"


@contextmanager
def installed() -> Iterator[None]:
    """Other tests ask all installed apps for this and that; ours are none of them."""
    config = BackendTestsConfig("tests.integration.backend", backend)
    config.apps = apps
    config.models = apps.all_models["backend_tests"]
    config.models_module = models
    apps.app_configs["backend_tests"] = config
    apps.clear_cache()
    try:
        yield
    finally:
        del apps.app_configs["backend_tests"]
        apps.clear_cache()
