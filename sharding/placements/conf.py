"""What can be set about placements."""

from dataclasses import dataclass
from datetime import timedelta

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class PlacementSettings:
    """Settings of this package.

    Attributes:
        role_batch: ATOLL_ROLE_BATCH. Tenant roles made at once when a shard has none left. Every
            batch makes all sessions of its server rebuild their memberships once.
        heartbeat: ATOLL_HEARTBEAT_SECONDS. How often a process says that it lives and asks what
            is new.
    """

    role_batch: int
    heartbeat: timedelta


def placement_settings() -> PlacementSettings:
    """The settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return PlacementSettings(
            role_batch=read.whole("ATOLL_ROLE_BATCH", 50),
            heartbeat=read.seconds("ATOLL_HEARTBEAT_SECONDS", 2),
        )
