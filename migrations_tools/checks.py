"""System checks about the tables of tenants, and about how they are made."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, register
from django.db import router

from migrations_tools.images.conf import image_settings
from migrations_tools.safety.conf import safety_settings
from migrations_tools.spares.conf import spare_settings
from sharding.schemas.names import HEARTBEAT, WRITE_PERMIT
from sharding.typed_settings import HINT, mistakes_of

_FURNITURE = frozenset({HEARTBEAT, WRITE_PERMIT})


@register()
def check_table_names(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """No model takes the name of a table that every schema carries."""
    return [
        Error(
            f"{model._meta.label} is stored in {model._meta.db_table!r}, which every tenant's "
            "schema has as its own table.",
            hint="Give the model another db_table.",
            obj=model,
            id="migrations_tools.E001",
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table in _FURNITURE and not router.allow_migrate_model("control", model)
    ]


@register()
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """What is said of images, spares and the check of migrations can be meant."""
    return [
        Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="migrations_tools.E002",
        )
        for read in (image_settings, safety_settings, spare_settings)
        for mistake in mistakes_of(read)
    ]
