"""What archives refuse.

ArchiveError (a TenantError)
├── NotAnArchive
├── ArchiveFileTaken
├── ArchiveDamaged
├── ArchiveTooNew
├── CannotArchive
│   └── FileVanished
└── CannotRestore
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tenants.errors import InvalidRequest, TenantError

SHOWN: Final = 10
"""Reasons that a message names; of the rest it says how many there are."""


class ArchiveError(TenantError):
    """Something about archives cannot be done."""

    code = "archives"


class NotAnArchive(ArchiveError, InvalidRequest):
    """A file is not there, or is no archive of a tenant."""

    code = "archives.not_an_archive"

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        InvalidRequest.__init__(
            self, f"{file} is no archive of a tenant: {why}. `manage.py export_tenant` makes one."
        )


class ArchiveFileTaken(ArchiveError, InvalidRequest):
    """An archive cannot be written where it shall go."""

    code = "archives.file_taken"

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        InvalidRequest.__init__(self, f"{file} cannot be written: {why}.")


class ArchiveDamaged(ArchiveError):
    """An archive is not as it was written."""

    code = "archives.damaged"

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        super().__init__(
            f"{file} is damaged, or somebody has changed it: {why}. Nothing was restored. Take "
            "another copy of the file, or an older archive."
        )


class ArchiveTooNew(ArchiveError):
    """An archive was written by a later version."""

    code = "archives.too_new"

    def __init__(self, file: Path, *, found: int, known: int) -> None:
        self.file = file
        super().__init__(
            f"{file} has format {found}, and this version reads formats up to {known}. Nothing was "
            "changed. Import it with the version that wrote it, or a later one."
        )


class CannotArchive(ArchiveError):
    """A tenant holds something that an archive would not restore exactly."""

    code = "archives.cannot_archive"

    def __init__(self, slug: str, reasons: Sequence[str]) -> None:
        self.slug = slug
        self.reasons = tuple(reasons)
        super().__init__(
            f"Tenant {slug!r} cannot be copied exactly: {listed(reasons)} Nothing was written. "
            "docs/how-to/back-up-and-restore.md says what to do about each."
        )


class FileVanished(CannotArchive):
    """A file was deleted while it was being archived."""

    code = "archives.file_vanished"
    retryable = True

    def __init__(self, slug: str, names: Sequence[str]) -> None:
        self.slug = slug
        self.reasons = tuple(names)
        ArchiveError.__init__(
            self,
            f"Files of tenant {slug!r} were deleted or changed while they were being copied: "
            f"{listed(names)} Nothing was written. Run the same command again.",
        )


class CannotRestore(ArchiveError):
    """What an archive or a tenant holds cannot become a tenant here exactly as it is."""

    code = "archives.cannot_restore"

    def __init__(self, what: str, reasons: Sequence[str], *, advice: str = "") -> None:
        self.what = what
        self.reasons = tuple(reasons)
        told = f"{what} cannot be restored exactly: {listed(reasons)} Nothing was restored."
        super().__init__(f"{told} {advice}".rstrip())


def listed(reasons: Sequence[str]) -> str:
    """The first reasons, and how many more there are; ends a sentence."""
    shown = "; ".join(reason.rstrip(".") for reason in reasons[:SHOWN])
    more = len(reasons) - SHOWN
    return f"{shown}; and {more} more." if more > 0 else f"{shown}."
