"""The product's test settings, and allauth, taggit, authtoken, sites and simple-history."""

from tests.integration.third_party.settings import *  # noqa: F403 - the way of settings
