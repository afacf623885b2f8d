"""The same, and all of wagtail."""

from tests.integration.ids.later.with_allauth import *  # noqa: F403 - the way of settings
from tests.integration.ids.later.with_allauth import ATOLL_HOMES, INSTALLED_APPS

_WAGTAIL = {
    "wagtail.contrib.forms": "wagtailforms",
    "wagtail.contrib.redirects": "wagtailredirects",
    "wagtail.embeds": "wagtailembeds",
    "wagtail.sites": "wagtailsites",
    "wagtail.users": "wagtailusers",
    "wagtail.snippets": "wagtailsnippets",
    "wagtail.documents": "wagtaildocs",
    "wagtail.images": "wagtailimages",
    "wagtail.search": "wagtailsearch",
    "wagtail.admin": "wagtailadmin",
    "wagtail": "wagtailcore",
    "modelcluster": "modelcluster",
    "modelsearch": "modelsearch",
}
INSTALLED_APPS = [*INSTALLED_APPS, *_WAGTAIL]
ATOLL_HOMES = {**ATOLL_HOMES, **dict.fromkeys(_WAGTAIL.values(), "tenant")}
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://localhost"
# Tokens of wagtail's pages, the same in all tenants unless said otherwise.
ATOLL_IMAGE_EXPRESSIONS = {"wagtailcore_page.translation_key": "gen_random_uuid()"}
