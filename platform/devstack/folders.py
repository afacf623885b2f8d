"""Folders that the servers' account can reach, however closed the checkout is."""

import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from devstack.account import Account
from devstack.errors import DiskFull, UnsafeFolder

_ROOTS_PLACE = Path("/var/lib/atoll")
# sun_path: 108 bytes with the final zero on Linux, 104 on macOS.
_LONGEST_SOCKET_BYTES = 107 if sys.platform == "linux" else 103
# `demo` is the product's share, made by manage.py demo.
_OURS = (
    *("servers", "logs", "demo", "state.json", "env", "registry.toml", "registry.toml.lock"),
    "lock",
)
_LONGEST_NAME = "/.s.PGSQL.65535.lock"


def make_home(folder: Path) -> Path:
    """The stack's own folder, closed to others but passable; its real path.

    Raises:
        UnsafeFolder: it is somebody else's, or cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise UnsafeFolder(folder, f"cannot be made ({error.strerror})") from error
    home = folder.resolve()
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise UnsafeFolder(home, f"belongs to user {owner}, and this is user {os.geteuid()}")
    if not os.access(home, os.W_OK | os.X_OK):
        raise UnsafeFolder(home, "cannot be written to")
    return home


def choose_place(home: Path, account: Account) -> Path:
    """Where the servers' files go: into `home`, or where `account` can reach them.

    Root's checkout often lies in root's home, which nobody else may enter; then the files go to
    /var/lib/atoll, into a folder that is this checkout's alone.
    """
    inside = home / "servers"
    inside.mkdir(mode=0o711, exist_ok=True)
    if account.can_use(inside):
        return inside
    inside.rmdir()
    place = place_outside(home)
    place.mkdir(mode=0o711, parents=True, exist_ok=True)
    for folder in (_ROOTS_PLACE, place):
        folder.chmod(0o711)
    return place


def place_outside(home: Path) -> Path:
    """The folder for the servers' files of a `home` that they cannot reach."""
    return _ROOTS_PLACE / f"devstack-{_digest(home)}"


def make_sockets(home: Path, account: Account) -> Path:
    """A short folder for sockets that only `account` (and root) can enter.

    Always the same for a home, so that none is left over when a command is killed; but where
    somebody else has taken that name, one that nobody can guess.
    """
    name = f"atoll-{account.uid}-{_digest(home)}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        longest = len(os.fsencode(parent / name)) + len(_LONGEST_NAME)
        if longest <= _LONGEST_SOCKET_BYTES and account.can_use(parent):
            return _make_private(parent / name, account)
    raise UnsafeFolder(parent, "has a path too long for sockets, or is closed")


def _make_private(folder: Path, account: Account) -> Path:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if sockets_are_ours(folder, account):
            return folder
        folder = Path(tempfile.mkdtemp(prefix="atoll-", dir=folder.parent))
    account.give(folder)
    return folder


def sockets_are_ours(folder: Path, account: Account) -> bool:
    """Whether `folder` is still what `make_sockets` made (temporary folders get swept)."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    return is_private and status.st_uid == account.uid


def remove_ours(home: Path) -> None:
    """Remove what is ours in `home`, and `home` when nothing else is in it.

    Somebody may have named a folder in ATOLL_DEVSTACK_DIR that holds more than servers.
    """
    for name in _OURS:
        path = home / name
        if path.is_dir():
            remove(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        home.rmdir()


def remove(folder: Path) -> None:
    """Remove a folder with all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _digest(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:12]


@contextmanager
def disk_full_told(folder: Path) -> Iterator[None]:
    """A disk that is full is said as such.

    Raises:
        DiskFull: there was no room left below `folder`.
    """
    try:
        yield
    except (OSError, psycopg.errors.DiskFull) as error:
        # A server that found room to start may find none for its databases.
        if isinstance(error, OSError) and error.errno != errno.ENOSPC:
            raise
        raise DiskFull("devstack", folder, shutil.disk_usage(folder).free) from error
