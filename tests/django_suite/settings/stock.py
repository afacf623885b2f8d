"""The stock backend, as a login that may do anything, which is what the suite is written for."""

import json
import os

from tests.django_suite.settings.shared import *  # noqa: F403 - the way of settings

_server = json.loads(os.environ["ATOLL_SUITE_SERVER"])

DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _server["host"],
        "PORT": _server["port"],
        "USER": _server["admin"],
        "PASSWORD": _server["admin_password"],
        "NAME": f"suite_{alias}",
    }
    for alias in ("default", "other")
}
DATABASE_ROUTERS = ["tests.django_suite.plain_router.PlainRouter"]
