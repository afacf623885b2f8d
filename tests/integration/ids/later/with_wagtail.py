"""The same, and all of wagtail."""

from tests.fixtures.wagtail_apps import WAGTAIL
from tests.integration.ids.later.with_allauth import *  # noqa: F403 - the way of settings
from tests.integration.ids.later.with_allauth import ATOLL_HOMES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, *WAGTAIL]
ATOLL_HOMES = {**ATOLL_HOMES, **dict.fromkeys(WAGTAIL.values(), "tenant")}
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://localhost"
# Tokens of wagtail's pages, the same in all tenants unless said otherwise.
ATOLL_IMAGE_EXPRESSIONS = {"wagtailcore_page.translation_key": "gen_random_uuid()"}
