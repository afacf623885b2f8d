"""What the development servers refuse, and what a person does about it.

DevstackError
├── NoServerBinaries
├── NoAccount
├── PortTaken
├── DiskFull
├── WrongMajor
├── ServerDidNotStart
├── ServerDidNotStop
├── StackIsBusy
├── UnsafeFolder
├── UnknownServer
├── UnknownLogin
├── UnfitShardName
└── NotStarted
"""

from pathlib import Path
from typing import ClassVar

from sharding.figures import size_in_words


class DevstackError(Exception):
    """The development servers are in trouble."""

    code: ClassVar[str] = "devstack"
    retryable: ClassVar[bool] = False


class NoServerBinaries(DevstackError):
    """A server's program is not to be found or does not run here."""

    code = "devstack.no_binaries"

    def __init__(self, what: str, why: str, cure: str) -> None:
        self.what = what
        super().__init__(f"No usable {what}: {why}. {cure}")


class NoAccount(DevstackError):
    """PostgreSQL refuses to run as root, and there is nobody else to run it as."""

    code = "devstack.no_account"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"PostgreSQL refuses to run as root, and {why}. Run this as an ordinary user, or name "
            "an unprivileged account of this machine in ATOLL_DEVSTACK_USER."
        )


class PortTaken(DevstackError):
    """Another program listens where a server of ours belongs."""

    code = "devstack.port_taken"

    def __init__(self, server: str, port: int, holder: str) -> None:
        self.server = server
        self.port = port
        super().__init__(
            f"Port {port}, which is {server}'s, is taken by {holder}. Stop that program, or let "
            "the servers move to other ports: manage.py devstack up --new-ports."
        )


class DiskFull(DevstackError):
    """There is no room for a server's files."""

    code = "devstack.disk_full"

    def __init__(self, server: str, folder: Path, free_bytes: int) -> None:
        self.server = server
        super().__init__(
            f"{server} has no room in {folder}: {size_in_words(free_bytes)} are free. Make room "
            "there, or name a folder on another disk in ATOLL_DEVSTACK_DIR. Nothing half made was "
            "left."
        )


class WrongMajor(DevstackError):
    """The data was made by another major version of PostgreSQL."""

    code = "devstack.wrong_major"

    def __init__(self, server: str, made_by: str, found: int) -> None:
        self.server = server
        super().__init__(
            f"The data of {server} was made by PostgreSQL {made_by}, the programs found are "
            f"{found}. Point ATOLL_PG_BIN at {made_by}'s, or give the data up: "
            "manage.py devstack reset."
        )


class ServerDidNotStart(DevstackError):
    """A server ended while it started, or took too long."""

    code = "devstack.did_not_start"
    retryable = True

    def __init__(self, server: str, why: str, log: Path) -> None:
        self.server = server
        super().__init__(
            f"{server} did not start: {why}. Its log is {log} (manage.py devstack logs {server})."
        )


class ServerDidNotStop(DevstackError):
    """A server's processes outlived every signal."""

    code = "devstack.did_not_stop"

    def __init__(self, server: str, pids: list[int]) -> None:
        self.server = server
        super().__init__(
            f"{server} did not stop; process {', '.join(map(str, pids))} is still there, most "
            "likely waiting for its disk. Look at it with `ps`, then run this again."
        )


class StackIsBusy(DevstackError):
    """Another command is at work on the same folder."""

    code = "devstack.busy"
    retryable = True

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"Another devstack command ({holder}) is at work on {folder}. Wait for it, then run "
            "this again."
        )


class UnsafeFolder(DevstackError):
    """A folder cannot be used for servers."""

    code = "devstack.unsafe_folder"

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{folder} {why}. Name another folder in ATOLL_DEVSTACK_DIR. Nothing was changed."
        )


class UnknownServer(DevstackError):
    """The stack has no server of that name."""

    code = "devstack.unknown_server"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"The devstack has no server {name!r} (it has {', '.join(known)}).")


class UnknownLogin(DevstackError):
    """A server has no login of that name."""

    code = "devstack.unknown_login"

    def __init__(self, server: str, login: str, known: tuple[str, ...]) -> None:
        self.login = login
        super().__init__(f"{server} has no login {login!r} (it has {', '.join(known)}).")


class UnfitShardName(DevstackError):
    """A shard of the development servers cannot be called so."""

    code = "devstack.unfit_shard_name"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"ATOLL_DEVSTACK_SHARDS names {name!r}. Name each shard once, by letters, digits and "
            "hyphens, such as alpha,beta,gamma; control, default, redis and pgbouncer are others' "
            "names. Nothing was changed."
        )


class NotStarted(DevstackError):
    """The stack was never started in this folder."""

    code = "devstack.not_started"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"There are no servers in {folder} yet. Run: manage.py devstack up.")
