"""Atoll's own settings, with `notes` in place of `workspace`."""

from config.settings.test import *  # noqa: F403 - the way of settings

INSTALLED_APPS = ["notes", *(app for app in INSTALLED_APPS if app != "workspace")]  # noqa: F405
MIDDLEWARE = [path for path in MIDDLEWARE if not path.startswith("workspace.")]  # noqa: F405
ROOT_URLCONF = "shop_urls"
