"""What can be set about spares."""

from dataclasses import dataclass
from datetime import timedelta

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class SpareSettings:
    """Settings of spare schemas.

    Attributes:
        per_shard: ATOLL_SPARES. How many schemas each shard keeps ready for its next tenants; 0
            for none. An empty one of 30 tables takes 2.1 MB.
        pause: ATOLL_SPARE_PAUSE_SECONDS. Between two transactions of making one, so that requests
            go first. There are some dozen.
    """

    per_shard: int
    pause: timedelta


def spare_settings() -> SpareSettings:
    """The settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return SpareSettings(
            per_shard=read.whole("ATOLL_SPARES", 5, least=0),
            pause=read.seconds("ATOLL_SPARE_PAUSE_SECONDS", 0.02),
        )
