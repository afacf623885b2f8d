"""Write an archive, in memory that does not grow with it; a file is there whole, or not at all."""

import fcntl
import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from tenants.archives import layout
from tenants.archives.errors import ArchiveFileTaken
from tenants.archives.manifest import FilesFacts, Manifest, digest_of

_PACKED: Final = 1
"""zlib's fastest: most of what packing gains, at the speed of a disk."""


class ArchiveWriter:
    """Writes members in order; the file gets its name when the block ends without an error.

    Until then it lies beside it as `NAME.part`, readable for its owner only: it holds people's
    data. One that a killed process left is written over by the next.

    Raises:
        ArchiveFileTaken: on entering; the file is there, somebody else writes it, or it cannot be.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._part = file.with_name(f"{file.name}.part")
        self._digest = hashlib.sha256()
        self._files = self._file_bytes = 0
        self._named = False

    def __enter__(self) -> Self:
        if self.file.exists() or self.file.is_symlink():
            raise ArchiveFileTaken(self.file, "it is there already; name another, or move it away")
        try:
            descriptor = os.open(
                self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise ArchiveFileTaken(self.file, str(error.strerror)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ArchiveFileTaken(self.file, "somebody else is writing it just now") from None
        os.ftruncate(descriptor, 0)
        self._raw = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._raw, mode="w", format=tarfile.PAX_FORMAT)
        self.add(layout.FORMAT_MEMBER, layout.format_bytes())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._named:
                self._tar.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._part.rename(self.file)
                _sync_folder(self.file.parent)
            else:
                self._part.unlink(missing_ok=True)
        finally:
            # Only now does somebody else get the name of the part.
            self._raw.close()

    def add(self, name: str, data: bytes) -> None:
        """Write one small member."""
        self._add(name, len(data), io.BytesIO(data), time.time())

    def add_file(self, name: str, opened: IO[bytes]) -> bool:
        """Write one of the tenant's files, as long as it was when it was opened.

        False if it was cut short meanwhile; the archive is then good for nothing.
        """
        found = os.fstat(opened.fileno())
        reader = _Summing(opened)
        try:
            self._add(f"{layout.FILES_PREFIX}{name}", found.st_size, reader, found.st_mtime)
        except OSError as error:
            # The system's errors have a number; the tar's own says that the file ended too soon.
            if error.errno is not None:
                raise
            return False
        self._files += 1
        self._file_bytes += found.st_size
        self._digest.update(sum_line(reader.hexdigest(), found.st_size, name))
        return True

    def files(self, missing: Iterable[str]) -> FilesFacts:
        """What was added by add_file()."""
        return FilesFacts(self._files, self._file_bytes, self._digest.hexdigest(), tuple(missing))

    def rows(self, table: int) -> "RowsWriter":
        """Writes the rows of one table, to be used in a `with` block."""
        return RowsWriter(self, table)

    def finish(self, manifest: Manifest) -> str:
        """Write the last member; return what names the archive."""
        data = manifest.to_bytes()
        self.add(layout.MANIFEST_MEMBER, data)
        self._named = True
        return digest_of(data)

    def _add(self, name: str, size: int, data: Any, at: float) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, int(at), 0o600
        self._tar.addfile(member, data)
        # Else every member's description stays in memory.
        self._tar.members.clear()  # type: ignore[attr-defined]


class RowsWriter:
    """Rows of one table, packed into members of a few megabytes."""

    def __init__(self, archive: ArchiveWriter, table: int) -> None:
        self._archive = archive
        self._table = table
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self.chunks = self.bytes = 0

    def write(self, block: bytes) -> None:
        """Take some rows."""
        self._waiting += block
        if len(self._waiting) >= layout.CHUNK_BYTES:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._waiting:
            self._flush()

    @property
    def sha256(self) -> str:
        """Of all rows, unpacked."""
        return self._digest.hexdigest()

    def _flush(self) -> None:
        self.chunks += 1
        self.bytes += len(self._waiting)
        self._digest.update(self._waiting)
        chunk = layout.Chunk(self._table, self.chunks)
        packed = gzip.compress(self._waiting, compresslevel=_PACKED, mtime=0)
        self._archive.add(chunk.member, packed)
        self._waiting.clear()


def sum_line(sha256: str, size: int, name: str) -> bytes:
    """One file's part of the sum of all files."""
    return f"{sha256} {size} {name}\n".encode()


class _Summing:
    """Sums up what is read through it."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened = opened
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._opened.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
