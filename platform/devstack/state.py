"""What a stack remembers between runs: ports, passwords, where its files and sockets are."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devstack.ports import free_port
from sharding.private_files import write_private


@dataclass
class State:
    """One stack's memory, kept in `state.json` (0600).

    Attributes:
        place: the folder of the servers' own files.
        sockets: the short folder of their unix sockets.
        ports: by server.
        passwords: by server and login.
    """

    place: str
    sockets: str
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, dict[str, str]] = field(default_factory=dict)

    def port(self, server: str) -> int:
        """The server's port; chosen at the first call, the same ever after."""
        if server not in self.ports:
            self.ports[server] = free_port(avoid=self.ports.values())
        return self.ports[server]

    def password(self, server: str, login: str) -> str:
        """The login's password on that server; made at the first call."""
        of_server = self.passwords.setdefault(server, {})
        return of_server.setdefault(login, secrets.token_urlsafe(18))


def read_state(path: Path) -> State | None:
    """What was remembered, or None when there is nothing that can be used.

    Nothing is lost with it but stable ports: passwords are set again at every start.
    """
    try:
        return State(**json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_state(path: Path, state: State) -> None:
    """Remember `state` in one step."""
    write_private(path, json.dumps(asdict(state), indent=2) + "\n")
