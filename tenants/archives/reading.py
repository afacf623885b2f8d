"""Read an archive, believing nothing that it says: neither names nor sizes nor order.

It is read twice: once whole, before anything is changed, and once to restore it. Both sum up what
they read, since the file may be another one the second time.
"""

import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from tenants.archives import layout
from tenants.archives.errors import ArchiveDamaged, ArchiveTooNew, NotAnArchive
from tenants.archives.manifest import FORMAT, VERSION, Manifest, TableFacts, digest_of
from tenants.archives.writing import sum_line

_BLOCK_BYTES: Final = 64 * 1024
_MOST_SMALL_BYTES: Final = 64 * 1024
_MOST_TABLES: Final = 9_999
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Member:
    """One member, whose bytes can be read until the next one is asked for."""

    name: str
    size: int
    modified_at: float
    opened: IO[bytes]


@dataclass(frozen=True, slots=True)
class Verified:
    """An archive that was read whole and is as it was written.

    Attributes:
        digest: names it.
        structure: the member that tells the structure.
    """

    file: Path
    manifest: Manifest
    digest: str
    structure: bytes


def verify(file: Path) -> Verified:
    """Read the whole archive and compare it with its manifest.

    Memory: a few megabytes, and the manifest.

    Raises:
        NotAnArchive, ArchiveTooNew, ArchiveDamaged: nothing was changed anywhere.
    """
    sums = Sums(file)
    structure = manifest = b""
    with members(file) as found:
        for member in found:
            if manifest:
                raise ArchiveDamaged(file, f"something follows its manifest: {member.name!r:.80}")
            if member.name == layout.MANIFEST_MEMBER:
                manifest = _whole(file, member, layout.MOST_MANIFEST_BYTES)
            elif member.name == layout.STRUCTURE_MEMBER and not structure:
                structure = _whole(file, member, layout.MOST_MANIFEST_BYTES)
            else:
                for _ in sums.blocks(member):
                    pass
    if not manifest:
        raise ArchiveDamaged(file, "its end is missing (it has no manifest)")
    try:
        read = Manifest.from_bytes(manifest)
    except ValueError as error:
        raise ArchiveDamaged(file, f"its manifest cannot be read ({error})") from error
    sums.compare_rows(read)
    sums.compare_files(read)
    if hashlib.sha256(structure).hexdigest() != read.structure.sha256:
        raise ArchiveDamaged(file, f"{layout.STRUCTURE_MEMBER} is not what was written")
    return Verified(file, read, digest_of(manifest), structure)


@contextmanager
def members(file: Path) -> Iterator[Iterator[Member]]:
    """The members after the first, which says what this is.

    Raises:
        NotAnArchive: it is not there, cannot be read, or is something else.
        ArchiveTooNew: its format is a later one.
        ArchiveDamaged: also while members are read.
    """
    try:
        opened = file.open("rb")
    except OSError as error:
        raise NotAnArchive(file, str(error.strerror)) from error
    with opened:
        with _tar(file, opened) as tar:
            found = _members(file, tar)
            first = next(found, None)
            if first is None or first.name != layout.FORMAT_MEMBER:
                raise NotAnArchive(file, f"it does not begin with {layout.FORMAT_MEMBER}")
            _check_format(file, _whole(file, first, _MOST_SMALL_BYTES))
            yield found
            _check_nothing_follows(file, opened)


@contextmanager
def files_of(verified: Verified) -> Iterator[Iterator[tuple[Member, str, Iterator[bytes]]]]:
    """The tenant's files: member, name and bytes of each.

    Raises:
        ArchiveDamaged: also at the end, if these are not the files that were verified.
    """
    sums = Sums(verified.file)

    def found(inside: Iterator[Member]) -> Iterator[tuple[Member, str, Iterator[bytes]]]:
        for member in inside:
            if member.name.startswith(layout.FILES_PREFIX):
                yield member, file_name(verified.file, member), sums.blocks(member)

    with members(verified.file) as inside:
        yield found(inside)
    sums.compare_files(verified.manifest)


@contextmanager
def rows_of(verified: Verified) -> Iterator[Iterator[tuple[TableFacts, Iterator[bytes]]]]:
    """The tables that have rows, in the order of the archive, and their rows as COPY's text.

    Raises:
        ArchiveDamaged: also at the end, if these are not the rows that were verified.
    """
    sums = Sums(verified.file)

    def rows(inside: Iterable[Member]) -> Iterator[bytes]:
        for member in inside:
            yield from sums.blocks(member)

    def found(inside: Iterator[Member]) -> Iterator[tuple[TableFacts, Iterator[bytes]]]:
        for number, chunks in groupby(inside, key=_table_of):
            if not number:
                continue
            if number > len(verified.manifest.tables):
                raise ArchiveDamaged(verified.file, "it is not what it was a moment ago")
            yield verified.manifest.tables[number - 1], rows(chunks)

    with members(verified.file) as inside:
        yield found(inside)
    sums.compare_rows(verified.manifest)


def _table_of(member: Member) -> int:
    chunk = layout.chunk_of(member.name)
    return 0 if chunk is None else chunk.table


class Sums:
    """What the members of an archive add up to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tables: list[tuple[int, int, Any]] = []
        self._files_digest = hashlib.sha256()
        self._files = self._file_bytes = 0

    def blocks(self, member: Member) -> Iterator[bytes]:
        """What is in a member: a file's bytes, or rows, unpacked."""
        chunk = layout.chunk_of(member.name)
        if chunk is not None:
            yield from self._rows(member, chunk)
        else:
            yield from self._bytes_of_file(member, file_name(self._file, member))

    def compare_rows(self, manifest: Manifest) -> None:
        """Compare all rows with what the manifest says.

        Raises:
            ArchiveDamaged: with the first difference.
        """
        tables = [(one.chunks, one.bytes, one.sha256) for one in manifest.tables]
        found = [(count, size, digest.hexdigest()) for count, size, digest in self._tables]
        empty = (0, 0, hashlib.sha256().hexdigest())
        for at, told in enumerate(tables):
            if (found[at] if at < len(found) else empty) != told:
                name = manifest.tables[at].name
                raise ArchiveDamaged(self._file, f"the rows of {name} are not what was written")
        if len(found) > len(tables):
            raise ArchiveDamaged(self._file, "it holds rows of a table that its manifest lacks")

    def compare_files(self, manifest: Manifest) -> None:
        """Compare all files with what the manifest says.

        Raises:
            ArchiveDamaged: they are others.
        """
        files = manifest.files
        if (self._files, self._file_bytes, self._files_digest.hexdigest()) != (
            files.files,
            files.bytes,
            files.sha256,
        ):
            raise ArchiveDamaged(self._file, "the files in it are not those that were written")

    def _rows(self, member: Member, chunk: layout.Chunk) -> Iterator[bytes]:
        while len(self._tables) < chunk.table:
            if chunk.table > _MOST_TABLES:
                raise ArchiveDamaged(self._file, f"{member.name} is out of order")
            self._tables.append((0, 0, hashlib.sha256()))
        if not chunk.table or chunk.table != len(self._tables):
            raise ArchiveDamaged(self._file, f"{member.name} is out of order")
        count, size, digest = self._tables[-1]
        if chunk.number != count + 1:
            raise ArchiveDamaged(self._file, f"{member.name} is out of order")
        for block in unpacked(self._file, member):
            size += len(block)
            digest.update(block)
            yield block
        self._tables[-1] = (chunk.number, size, digest)

    def _bytes_of_file(self, member: Member, name: str) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        for block in raw(self._file, member):
            size += len(block)
            digest.update(block)
            yield block
        self._files += 1
        self._file_bytes += size
        self._files_digest.update(sum_line(digest.hexdigest(), size, name))


def file_name(file: Path, member: Member) -> str:
    """The name of one of the tenant's files.

    Raises:
        ArchiveDamaged: the member is none, or its name leads elsewhere.
    """
    if not member.name.startswith(layout.FILES_PREFIX):
        raise ArchiveDamaged(file, f"it holds {member.name!r:.80}, which belongs in no archive")
    name = member.name.removeprefix(layout.FILES_PREFIX)
    if why := layout.why_unsafe(name):
        raise ArchiveDamaged(file, f"{name!r:.80} cannot be the name of a file: {why}")
    return name


def raw(file: Path, member: Member) -> Iterator[bytes]:
    """A member's bytes, as they are.

    Raises:
        ArchiveDamaged: there are fewer than it says.
    """
    left = member.size
    while left:
        try:
            block = member.opened.read(min(left, _BLOCK_BYTES))
        except tarfile.ReadError as error:
            raise ArchiveDamaged(file, "its end is missing") from error
        if not block:
            raise ArchiveDamaged(file, "its end is missing")
        left -= len(block)
        yield block


def unpacked(file: Path, member: Member) -> Iterator[bytes]:
    """A packed member's bytes, a little at a time, however much comes out of it.

    Raises:
        ArchiveDamaged: it cannot be unpacked.
    """
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for block in raw(file, member):
            rest = block
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _BLOCK_BYTES)
                rest = unpacker.unconsumed_tail
        tail = unpacker.flush()
    except zlib.error as error:
        raise ArchiveDamaged(file, f"{member.name} cannot be unpacked") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ArchiveDamaged(file, f"{member.name} cannot be unpacked")
    if tail:
        yield tail


def _tar(file: Path, opened: IO[bytes]) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=opened, mode="r:")
    except (tarfile.TarError, OSError) as error:
        raise NotAnArchive(file, f"it is no tar ({error})") from error


def _members(file: Path, tar: tarfile.TarFile) -> Iterator[Member]:
    while True:
        try:
            found = tar.next()
        except (tarfile.TarError, OSError, ValueError) as error:
            raise ArchiveDamaged(file, f"it cannot be read to its end ({error})") from error
        if found is None:
            return
        # Else every member's description stays in memory.
        tar.members.clear()  # type: ignore[attr-defined]
        opened = tar.extractfile(found) if found.isreg() and not found.issparse() else None
        if opened is None:
            raise ArchiveDamaged(
                file, f"{found.name!r:.80} is a link, a folder or a device, and no file"
            )
        yield Member(found.name, found.size, float(found.mtime), opened)


def _whole(file: Path, member: Member, most: int) -> bytes:
    if member.size > most:
        raise ArchiveDamaged(file, f"{member.name} is too long")
    return b"".join(raw(file, member))


def _check_format(file: Path, data: bytes) -> None:
    try:
        told = json.loads(data)
        kind, version = told["format"], told["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotAnArchive(file, f"{layout.FORMAT_MEMBER} says something else") from error
    if kind != FORMAT or not isinstance(version, int) or version < 1:
        raise NotAnArchive(file, f"{layout.FORMAT_MEMBER} says something else")
    if version > VERSION:
        raise ArchiveTooNew(file, found=version, known=VERSION)


def _check_nothing_follows(file: Path, opened: IO[bytes]) -> None:
    """A tar ends with zeros; what follows them nobody has summed up."""
    while block := opened.read(_BLOCK_BYTES):
        if block.strip(b"\0"):
            raise ArchiveDamaged(file, "something follows its end")
    if opened.seek(0, os.SEEK_END) % tarfile.BLOCKSIZE:
        raise ArchiveDamaged(file, "its end is missing")
