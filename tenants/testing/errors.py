"""What the test kit refuses.

KitError
├── NoServers
├── UnsafeName
├── ForeignDatabase
└── OneShardOnly
"""

from typing import ClassVar


class KitError(Exception):
    """Tests cannot be given what they ask for."""

    code: ClassVar[str] = "kit"
    retryable: ClassVar[bool] = False


class NoServers(KitError):
    """There is no PostgreSQL server on which test databases may be made."""

    code = "kit.no_servers"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why} Either name the servers (ATOLL_REGISTRY, the registry's file) and a login that "
            'may make databases there (ATOLL_TEST_ADMIN="user=postgres password=…"), or install '
            "what requirements/devstack.txt names and say --atoll-devstack, which starts servers "
            "of its own and throws them away."
        )


class UnsafeName(KitError):
    """A test database would bear the name of a real one."""

    code = "kit.unsafe_name"

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        super().__init__(
            f"No test database can be called {name!r}: {why}. Nothing was changed. "
            "Rename the real database, or test against another registry."
        )


class ForeignDatabase(KitError):
    """A database of a test's name is there, and the kit did not make it."""

    code = "kit.foreign_database"

    def __init__(self, server: str, name: str) -> None:
        self.name = name
        super().__init__(
            f"Server {server} has a database {name!r} that the test kit did not make. It was left "
            "alone. Drop or rename it, if nobody needs it."
        )


class OneShardOnly(KitError):
    """A test asks for a tenant on another shard, and there is one shard."""

    code = "kit.one_shard_only"

    def __init__(self) -> None:
        super().__init__(
            "A tenant on another shard takes two shards, and the registry has one. Add one, or "
            "test on the development servers: --atoll-devstack."
        )
