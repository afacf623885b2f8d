"""What the registry knows of one PostgreSQL server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Login:
    """A login role and its password; the password stays out of every repr."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a database listens.

    Attributes:
        host: an address, or the folder of a unix socket. Several addresses by commas: a primary
            and its standbys, all on one port; the one that accepts writes is used.
    """

    host: str
    port: int
    dbname: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses, in the order in which they are tried."""
        return tuple(host.strip() for host in self.host.split(","))

    @property
    def options(self) -> dict[str, str]:
        """What libpq must be told beside address and login.

        This picks a server, and fences none: an old primary that wakes up accepts writes too
        (docs/adr/0015).
        """
        return {"target_session_attrs": "read-write"} if len(self.hosts) > 1 else {}

    def parameters(self, login: Login) -> dict[str, Any]:
        """How `login` gets there, by libpq's names; holds the password."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "user": login.user,
            "password": login.password,
            **self.options,
        }

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.dbname}"


@dataclass(frozen=True, slots=True)
class Server:
    """One database with its two addresses and its logins.

    Attributes:
        name: `control`, or the shard's name; it is the Django alias as well.
        direct: the server itself, for owner connections, moves and streams.
        pooled: what requests use; PgBouncer where one stands before the server, else `direct`.
        web: serves requests; owns nothing and runs no DDL.
        own: owns the tables, runs DDL and (from PostgreSQL 16 on) makes roles.
        mover: may replicate; None where moves are not set up.
        role_maker: makes roles where `own` cannot do it safely (PostgreSQL 15), else None.
        pooler: looks up, for PgBouncer, how `web` proves its password; None where PgBouncer has a
            list of passwords.
        incarnation: grows with every promotion, and as backups are sealed. A server whose own
            (`atoll.server`) is less serves nobody (docs/adr/0015); `add_shard` refuses one whose
            own is another.
    """

    name: str
    direct: Endpoint
    pooled: Endpoint
    web: Login
    own: Login
    mover: Login | None = None
    role_maker: Login | None = None
    pooler: Login | None = None
    incarnation: int = 1


@dataclass(frozen=True, slots=True)
class Registry:
    """All servers at one version. Immutable: a change is a new Registry."""

    version: int = 0
    control: Server | None = None
    shards: Mapping[str, Server] = field(default_factory=lambda: MappingProxyType({}))
