"""What can be set about placements."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings


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
    """The settings as they are now."""
    return PlacementSettings(
        role_batch=int(getattr(settings, "ATOLL_ROLE_BATCH", 50)),
        heartbeat=timedelta(seconds=float(getattr(settings, "ATOLL_HEARTBEAT_SECONDS", 2))),
    )
