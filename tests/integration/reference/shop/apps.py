from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tests.integration.reference.shop"
    label = "shop"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "tenant"
