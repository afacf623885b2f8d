"""The app in its second release, and allauth, taggit, authtoken, sites and simple-history."""

from tests.integration.third_party.settings import *  # noqa: F403 - the way of settings
from tests.integration.third_party.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.integration.ids.later.diary_two"]
