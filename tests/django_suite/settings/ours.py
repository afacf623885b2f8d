"""Our shard engine, as web, in a tenant's scope."""

import json
import os

from tests.django_suite.settings.shared import *  # noqa: F403 - the way of settings
from tests.django_suite.tenant_scope import enter_for_good

_server = json.loads(os.environ["ATOLL_SUITE_SERVER"])

DATABASES = {
    alias: {
        "ENGINE": "tests.django_suite.engine",
        "HOST": _server["host"],
        "PORT": _server["port"],
        "USER": _server["web"],
        "PASSWORD": _server["web_password"],
        "NAME": f"suite_{alias}",
    }
    for alias in ("default", "other")
}
DATABASE_ROUTERS = ["tests.django_suite.tenant_scope.StampingRouter"]
TEST_RUNNER = "tests.django_suite.tenant_scope.GuardedRunner"

enter_for_good(_server["tenant"])
