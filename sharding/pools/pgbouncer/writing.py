"""PgBouncer's files on disk: each in one step, readable by their owner only."""

import re
import secrets
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sharding.pools.budget.types import PoolPlan
from sharding.pools.pgbouncer.errors import NoConfiguration
from sharding.pools.pgbouncer.files import ADMIN, Wanted, main_file, users_file
from sharding.private_files import read_if_there, write_private
from sharding.registry.types import Server

MAIN: Final = "pgbouncer.ini"
USERS: Final = "users.txt"
_ADMIN_LINE: Final = re.compile(rf'^"{ADMIN}" "((?:[^"]|"")*)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did.

    Attributes:
        changed: the files that say something else now; empty: nothing changed.
    """

    folder: Path
    changed: tuple[str, ...]


def write_files(
    folder: Path, wanted: Wanted, plan: PoolPlan, servers: Mapping[str, Server], *, dry_run: bool
) -> Written:
    """Bring the two files of `folder` to what is wanted. They belong to whom the folder belongs.

    Idempotent: the console's password stays, and what is right is not touched.

    Raises:
        NotConfigurable: nothing was written.
        OSError: the folder cannot be written to.
    """
    folder = folder.absolute()
    texts = {
        USERS: users_file(wanted, plan, servers, admin_password=_admin_password(folder)),
        MAIN: main_file(wanted, plan, servers, users=str(folder / USERS)),
    }
    changed = tuple(name for name, text in texts.items() if read_if_there(folder / name) != text)
    if not dry_run:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            if name in changed:
                write_private(folder / name, text, owner_of_folder=True)
            else:
                (folder / name).chmod(0o600)
    return Written(folder, changed)


def read_main(folder: Path) -> dict[str, dict[str, str]]:
    """The sections of the file in `folder`.

    Raises:
        NoConfiguration: there is none that can be read.
    """
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=(";",))
    try:
        parser.read_string((folder / MAIN).read_text("utf-8"))
        return {name: dict(parser[name]) for name in ("databases", "pgbouncer")}
    except (OSError, Error, KeyError) as error:
        raise NoConfiguration(str(folder), type(error).__name__) from error


def read_admin_password(folder: Path) -> str:
    """The console's password, of the list of users in `folder`.

    Raises:
        NoConfiguration: there is none.
    """
    found = _ADMIN_LINE.search(read_if_there(folder / USERS) or "")
    if found is None:
        raise NoConfiguration(str(folder), f"{USERS} names no {ADMIN}")
    return found[1].replace('""', '"')


def _admin_password(folder: Path) -> str:
    try:
        return read_admin_password(folder)
    except NoConfiguration:
        return secrets.token_urlsafe(24)
