"""What a project may say of its migrations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Settings of the check of migrations.

    Attributes:
        released: ATOLL_RELEASED_MIGRATIONS. Per app, its newest migration that runs everywhere
            already. That one and what it builds upon is not checked any more.
    """

    released: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def safety_settings() -> SafetySettings:
    """Settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        released = read.texts_by_name("ATOLL_RELEASED_MIGRATIONS", {})
        return SafetySettings(released=MappingProxyType(released))
