"""Whom the servers run as: this user, or, when this user is root, somebody unprivileged."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from devstack.errors import NoAccount

_CANDIDATES = ("postgres", "nobody")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that change who a process is."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the servers.

    Attributes:
        name: its login name.
        uid: its number.
        gid: its group's number.
        is_other: True where we are root and must change to it.
    """

    name: str
    uid: int
    gid: int
    is_other: bool

    def identity(self) -> Identity:
        """What to hand to `subprocess` so that the process is this account's."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make `path` this account's own."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can_use(self, path: Path) -> bool:
        """Whether this account can enter and read `path`, whatever lies above it."""
        if not self.is_other:
            return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))
        question = 'if [ -d "$1" ]; then cd "$1"; else test -r "$1"; fi'
        asked = subprocess.run(
            ["/bin/sh", "-c", question, "sh", str(path)],
            check=False,
            cwd="/",
            stderr=subprocess.DEVNULL,
            **self.identity(),
        )
        return asked.returncode == 0


def server_account() -> Account:
    """The account for servers: ourselves, or for root ATOLL_DEVSTACK_USER, postgres or nobody.

    Raises:
        NoAccount: we are root and can become nobody else.
    """
    if os.geteuid() != 0:
        return Account(_own_name(), os.geteuid(), os.getegid(), is_other=False)
    wanted = os.environ.get("ATOLL_DEVSTACK_USER")
    for name in (wanted,) if wanted else _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise NoAccount(f"ATOLL_DEVSTACK_USER={name} is root too")
        account = Account(name, entry.pw_uid, entry.pw_gid, is_other=True)
        _prove(account)
        return account
    raise NoAccount(f"this machine has no account {wanted or ' or '.join(_CANDIDATES)}")


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise NoAccount(
            f"the number {os.geteuid()} that this process runs as has no name on this machine"
        ) from None


def _prove(account: Account) -> None:
    # In a user namespace of one's own, root may be the only user that there is.
    true = shutil.which("true") or "/bin/true"
    try:
        subprocess.run([true], check=True, cwd="/", **account.identity())
    except (OSError, subprocess.SubprocessError) as error:
        raise NoAccount(f"this root cannot become {account.name} ({error})") from error
