"""What building images answers."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ImageOutcome(StrEnum):
    """What became of one major's image."""

    BUILT = "built"
    KEPT = "kept"
    """It was there already."""

    TO_BUILD = "to build"
    """In a dry run."""

    REFUSED = "refused"
    """These migrations have none; tenants are made by running them."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The image of one PostgreSQL major.

    Attributes:
        shard: on which it is built.
        why: it was refused; empty otherwise.
        code: of the refusal.
        ids: names of content types and permissions that got global ids by the way.
    """

    major: int
    shard: str
    outcome: ImageOutcome
    why: str = ""
    code: str = ""
    fingerprint: str = ""
    statements: int = 0
    locks: int = 0
    bytes: int = 0
    ids: int = 0
    took: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class ImageReceipt:
    """What building did, or would do: the same object for both.

    Attributes:
        digest: of the state that the code wants.
        migrations: how many that is.
        dropped: images of states that no schema is at any more.
    """

    digest: str
    migrations: int
    images: tuple[BuiltImage, ...]
    dropped: int = 0

    @property
    def refused(self) -> tuple[BuiltImage, ...]:
        """Those that have no image."""
        return tuple(one for one in self.images if one.outcome is ImageOutcome.REFUSED)

    @property
    def missing(self) -> tuple[BuiltImage, ...]:
        """Those that are not there now."""
        return tuple(
            one
            for one in self.images
            if one.outcome in (ImageOutcome.TO_BUILD, ImageOutcome.REFUSED)
        )
