"""The app of the reference tables that the product brings."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Label `catalog`; written in control, read everywhere."""

    name = "tenants.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "reference"
