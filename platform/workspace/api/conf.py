"""What can be set about the API."""

from dataclasses import dataclass
from functools import cache

from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of the API.

    Attributes:
        per_minute: ATOLL_API_PER_MINUTE. Requests that one token may send in a minute.
    """

    per_minute: int


@cache
def api_settings() -> ApiSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: it says what it cannot.
    """
    with SettingsReader() as read:
        return ApiSettings(per_minute=read.whole("ATOLL_API_PER_MINUTE", 600))


def _forget(**change: object) -> None:
    api_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="workspace.api.conf")
