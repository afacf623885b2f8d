"""The platform with the old project's own apps in the place of the product's."""

from config.settings.test import *  # noqa: F403 - the way of settings
from config.settings.test import INSTALLED_APPS as PRODUCT_APPS

_PRODUCT = {"console", "front", "workspace", "accounts", "zeal", "devstack"}
INSTALLED_APPS = [
    *(app for app in PRODUCT_APPS if app not in _PRODUCT),
    "tests.integration.adoption.people",
    "tests.integration.adoption.stock",
]
AUTH_USER_MODEL = "people.Person"
ROOT_URLCONF = "tests.integration.third_party.shelf.urls"
TENANT_PROVISION_STEPS: list[str] = []
TENANT_ARRIVAL_STEPS: list[str] = []
TENANT_PURGE_STEPS: list[str] = []
ATOLL_LEFT_BEHIND: list[str] = []
