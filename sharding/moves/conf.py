"""What can be set about moves."""

from dataclasses import dataclass
from datetime import timedelta

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class MoveSettings:
    """Settings of this package.

    Attributes:
        lease: ATOLL_MOVE_LEASE_SECONDS. So long after its mover has died, on a machine that cannot
            be seen from here, a move waits for somebody to end it; renewed four times as often.
            Nothing that must be right depends on it: tokens do that.
    """

    lease: timedelta


def move_settings() -> MoveSettings:
    """The settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return MoveSettings(lease=read.seconds("ATOLL_MOVE_LEASE_SECONDS", 15))
