"""The people of a tenant."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users live with their tenant and nowhere else."""

    name = "accounts"
    atoll_home = "tenant"
