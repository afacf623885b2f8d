"""What lies where in an archive.

    format.json              what this is, and which version of the format
    files/…                  the tenant's files, under their own names
    rows/0001/000001.gz      rows of the first table, as COPY's text; a few megabytes each
    structure.json           the structure part by part, for messages and for people
    manifest.json            everything summed up; the last member

A plain tar, so that a person can look into it with what every machine has.
"""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from tenants.archives.manifest import FORMAT, VERSION

FORMAT_MEMBER: Final = "format.json"
STRUCTURE_MEMBER: Final = "structure.json"
MANIFEST_MEMBER: Final = "manifest.json"
FILES_PREFIX: Final = "files/"
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Of rows, unpacked, in one member; a row that is longer is a member by itself."""
MOST_MANIFEST_BYTES: Final = 256 * 1024 * 1024

_CHUNK: Final = re.compile(r"rows/(\d{4,})/(\d{6,})\.gz")
_LONGEST_NAME: Final = 4096


@dataclass(frozen=True, slots=True)
class Chunk:
    """The place of some rows: both count from 1."""

    table: int
    number: int

    @property
    def member(self) -> str:
        """Its name in the archive."""
        return f"rows/{self.table:04}/{self.number:06}.gz"


def format_bytes() -> bytes:
    """The first member, by which an archive is known."""
    return json.dumps({"format": FORMAT, "version": VERSION}).encode()


def chunk_of(member: str) -> Chunk | None:
    """The chunk that a member is; None if it is none."""
    found = _CHUNK.fullmatch(member)
    return None if found is None else Chunk(int(found[1]), int(found[2]))


def why_unsafe(name: str) -> str:
    """Why a file of this name must not be written below a folder; empty if it may.

    Only names that say the same on every machine: whoever reads an archive may be another one.
    """
    if not name or len(name) > _LONGEST_NAME:
        return "it is empty or too long"
    if "\0" in name or "\\" in name:
        return "it holds a zero byte or a backslash"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "it is no text"
    if name.startswith("/") or PurePosixPath(name).is_absolute():
        return "it begins at the root"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it leads out of its folder"
    if any(len(part.encode()) > 255 for part in parts):
        return "a part of it is longer than file systems allow"
    return ""
