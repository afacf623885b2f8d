"""The app of books."""

from django.apps import AppConfig


class StockConfig(AppConfig):
    """Label `stock`."""

    name = "tests.integration.adoption.stock"
    label = "stock"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
