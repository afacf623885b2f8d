"""Where a stack keeps its files."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.errors import UnfitShardName

SHARDS_VARIABLE: Final = "ATOLL_DEVSTACK_SHARDS"
_SHARDS: Final = "alpha,beta"
_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_OTHER_SERVERS: Final = frozenset({"control", "default", "redis", "pgbouncer"})

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one stack that its user reads; the servers' own are in `State.place`.

    Attributes:
        folder: all of them; ignored by git.
    """

    folder: Path

    @property
    def registry(self) -> Path:
        """The addresses and passwords of all servers: what ATOLL_REGISTRY names."""
        return self.folder / "registry.toml"

    @property
    def environment(self) -> Path:
        """`NAME=value` lines that lead a process to these servers."""
        return self.folder / "env"

    @property
    def state(self) -> Path:
        """What `devstack.state` remembers."""
        return self.folder / "state.json"

    @property
    def logs(self) -> Path:
        """The folder of the servers' logs."""
        return self.folder / "logs"


def default_folder() -> Path:
    """ATOLL_DEVSTACK_DIR, else `.devstack` beside manage.py."""
    named = os.environ.get("ATOLL_DEVSTACK_DIR")
    return Path(named).expanduser().absolute() if named else _ROOT / ".devstack"


def default_shards() -> tuple[str, ...]:
    """ATOLL_DEVSTACK_SHARDS, names by commas, else alpha and beta. A server for each.

    Raises:
        UnfitShardName: no shard, nor a server of the stack, can be called so.
    """
    names = [name.strip() for name in os.environ.get(SHARDS_VARIABLE, _SHARDS).split(",")]
    for name in names:
        if not _NAME.fullmatch(name) or name in _OTHER_SERVERS or names.count(name) > 1:
            raise UnfitShardName(name)
    return tuple(names)
