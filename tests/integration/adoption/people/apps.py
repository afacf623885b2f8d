"""The app of people."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Label `people`; shared in the old project, each tenant's own here."""

    name = "tests.integration.adoption.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
