"""A tenant's folder of files, read and written without trusting what lies in it."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from django.core.files.storage import FileSystemStorage, default_storage

from sharding import scope
from tenants.archives import layout
from tenants.archives.errors import CannotArchive

_BLOCK_BYTES: Final = 64 * 1024
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def folder_of(placement: scope.Placement, slug: str) -> Path:
    """Where the tenant's files are.

    Raises:
        CannotArchive: they are in no folder of this machine.
    """
    with scope.enter(placement):
        if not isinstance(default_storage, FileSystemStorage):
            raise CannotArchive(
                slug,
                [f"its files are in no folder but in {type(default_storage).__name__} (STORAGES)"],
            )
        return Path(default_storage.location)


def walk(folder: Path, slug: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Each file below `folder` by its name there, opened; nothing if there is no folder.

    What is deleted while we walk is passed over: a row that refers to it tells.

    Raises:
        CannotArchive: there is a link, a device, or a name that is no text.
    """
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        folders = []
        for entry in entries:
            name = f"{inside}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
                continue
            opened = _opened(Path(entry.path), name, slug)
            if opened is not None:
                with opened:
                    yield name, opened
        waiting += reversed(folders)


def write(folder: Path, name: str, blocks: Iterable[bytes], *, modified_at: float) -> None:
    """Write one file below a folder that was emptied before; nothing there is written over."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as opened:
        for block in blocks:
            opened.write(block)
        opened.flush()
        os.fsync(opened.fileno())
    os.utime(target, (modified_at, modified_at))


def blocks_of(opened: IO[bytes]) -> Iterator[bytes]:
    """A file's bytes, a little at a time."""
    while block := opened.read(_BLOCK_BYTES):
        yield block


def _opened(path: Path, name: str, slug: str) -> IO[bytes] | None:
    if why := layout.why_unsafe(name):
        raise CannotArchive(slug, [f"the file {name!r:.80} has a name that cannot travel: {why}"])
    try:
        # A pipe would keep us waiting for somebody to write.
        descriptor = os.open(path, _READ | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else str(error.strerror)
        raise CannotArchive(slug, [f"the file {name!r} cannot be read: {why}"]) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CannotArchive(slug, [f"{name!r} is no file but a device or a pipe"])
    return os.fdopen(descriptor, "rb")
