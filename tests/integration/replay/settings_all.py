"""The same with all of wagtail, oauth-toolkit and celery-results: some three hundred migrations."""

from tests.fixtures.wagtail_apps import WAGTAIL
from tests.integration.replay.settings import *  # noqa: F403 - the way of settings
from tests.integration.replay.settings import ATOLL_HOMES, INSTALLED_APPS

_MORE = {
    **WAGTAIL,
    "allauth.socialaccount": "socialaccount",
    "allauth.mfa": "mfa",
    "allauth.usersessions": "usersessions",
    "oauth2_provider": "oauth2_provider",
    "django_celery_results": "django_celery_results",
}
INSTALLED_APPS = [*INSTALLED_APPS, *_MORE]
ATOLL_HOMES = {**ATOLL_HOMES, **dict.fromkeys(_MORE.values(), "tenant")}
# Tokens of wagtail's pages; without this there is no image, since each build draws others.
ATOLL_IMAGE_EXPRESSIONS = {"wagtailcore_page.translation_key": "gen_random_uuid()"}
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://localhost"
