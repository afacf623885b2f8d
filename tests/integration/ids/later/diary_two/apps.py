"""Both releases are one app."""

from django.apps import AppConfig


class DiaryConfig(AppConfig):
    name = "tests.integration.ids.later.diary_two"
    label = "diary"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
