"""What can be set about archives."""

from dataclasses import dataclass
from functools import cache

from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True)
class ArchiveSettings:
    """Settings of this package.

    Attributes:
        left_behind: ATOLL_LEFT_BEHIND. Models (`app.Model`) whose rows neither an archive nor a
            clone carries, besides sessions and the outbox: what works for one tenant only, and
            what must not happen twice.
        arrival_steps: TENANT_ARRIVAL_STEPS. Dotted paths of what runs in a tenant that came out
            of an archive or of another tenant, before it is opened; like TENANT_PROVISION_STEPS.
    """

    left_behind: tuple[str, ...]
    arrival_steps: tuple[str, ...]


@cache
def archive_settings() -> ArchiveSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return ArchiveSettings(
            left_behind=read.texts("ATOLL_LEFT_BEHIND", ()),
            arrival_steps=read.texts("TENANT_ARRIVAL_STEPS", ()),
        )


def _forget(**change: object) -> None:
    archive_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="tenants.archives.conf")
