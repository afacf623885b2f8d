"""Where a stack keeps its files."""

import os
from dataclasses import dataclass
from pathlib import Path

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
