"""What the kit is about: servers to test on, and tenants to test with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from sharding import scope
from sharding.registry.types import Registry

if TYPE_CHECKING:
    from django.test import Client

FIRST: Final = "first"
SAME_SHARD: Final = "second"
ANOTHER_SHARD: Final = "third"
"""The slugs of the tenants that every test database has."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers on which test databases may be made.

    Attributes:
        registry: with the real databases' names; only addresses and logins are used.
        admin_conninfo: by the server's name and a database's: the way in of somebody who may make
            databases and prepare them.
        redis_url: a Redis that is the tests' own; empty: whatever the settings say.
    """

    registry: Registry
    admin_conninfo: Callable[[str, str], str]
    redis_url: str = ""


class ThrowAway(Protocol):
    """Servers that exist for tests only. Several processes of one run may share them."""

    def start(self) -> Servers:
        """Make them run. Idempotent, also from several processes at once."""

    def guard(self) -> None:
        """Have them thrown away when this process is gone, however it goes. Idempotent.

        For the process that outlives the others of its run.
        """

    def end(self) -> None:
        """Stop them, and throw them away unless they are kept for the next run. Idempotent."""


@dataclass(frozen=True)
class TenantUnderTest:
    """A tenant that a test may use as it likes: afterwards it is as it was.

    Attributes:
        id: opaque, such as `t0k3f9amq2`.
        slug: its part of the host.
        host: where it is reached.
        place: what to enter; `scope()` does.
    """

    id: str
    slug: str
    name: str
    host: str
    place: scope.Placement

    @property
    def shard(self) -> str:
        """The name of its shard."""
        return self.place.shard

    def scope(self) -> scope.enter:
        """`with tenant.scope():` works in this tenant."""
        return scope.enter(self.place)

    def client(self, **options: Any) -> "Client":
        """A browser at this tenant's host; options as of django.test.Client."""
        from django.test import Client

        headers = {"host": self.host, **options.pop("headers", {})}
        return Client(headers=headers, **options)
