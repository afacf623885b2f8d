"""What neither an archive nor a clone carries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from django.apps import apps
from django.db import models

from tenants.archives.conf import archive_settings

ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sessions.Session": "sessions hold for one tenant only, and whoever has one is signed in",
        "outbox.Message": "what a tenant has not told yet it tells by itself, and once",
        "outbox.ParkedMessage": "what a tenant has not told yet it tells by itself, and once",
    }
)
"""Models by their label, and why. Those that are not installed do no harm here."""

CHOSEN: Final = "ATOLL_LEFT_BEHIND names it"


@dataclass(frozen=True, slots=True)
class Choice:
    """A table that stays behind.

    Attributes:
        label: its model, `app.Model`.
    """

    label: str
    table: str
    why: str


def left_behind() -> tuple[Choice, ...]:
    """The tables whose rows stay, by name, those of their many-to-many fields included."""
    reasons = {**dict.fromkeys(archive_settings().left_behind, CHOSEN), **ALWAYS}
    found = [
        Choice(model._meta.label, each._meta.db_table, reasons[model._meta.label])
        for model in apps.get_models(include_auto_created=True, include_swapped=True)
        if model._meta.label in reasons
        for each in (model, *_made_for(model))
    ]
    return tuple(sorted(found, key=lambda choice: choice.table))


def _made_for(model: type[models.Model]) -> Iterator[type[models.Model]]:
    """The tables of its many-to-many fields that have no model of their own."""
    for field in model._meta.local_many_to_many:
        through = field.remote_field.through
        if through is not None and through._meta.auto_created:
            yield through


def unknown_labels() -> tuple[str, ...]:
    """What ATOLL_LEFT_BEHIND names and no installed app has."""
    known = {model._meta.label for model in apps.get_models(include_swapped=True)}
    return tuple(label for label in archive_settings().left_behind if label not in known)
