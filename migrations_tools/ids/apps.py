"""The app of the tables that know global ids."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class IdsConfig(AppConfig):
    """Label `ids`; written in control, read by triggers on every shard."""

    name = "migrations_tools.ids"
    label = "ids"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "reference"

    def ready(self) -> None:
        """Have ids allocated whenever control was migrated, which is before any tenant is."""
        post_migrate.connect(_allocate, sender=self, dispatch_uid="migrations_tools.ids")


def _allocate(using: str, **facts: Any) -> None:
    from migrations_tools.ids.models import CONTROL
    from migrations_tools.ids.services.allocate import allocate_known

    # Migrated in part, control need not have the tables.
    if using == CONTROL and facts.get("apps") is apps:
        allocate_known(publish=False)
