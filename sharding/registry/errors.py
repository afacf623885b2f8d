"""What the registry refuses.

RegistryError
├── UnknownShard
├── ControlNotRegistered
└── MalformedRegistry
"""

from typing import ClassVar


class RegistryError(Exception):
    """An address could not be found."""

    code: ClassVar[str] = "registry"
    retryable: ClassVar[bool] = False


class UnknownShard(RegistryError):
    """No such shard is registered."""

    code = "registry.unknown_shard"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        have = ", ".join(known) if known else "none"
        super().__init__(
            f"No shard is called {name!r} (known: {have}). "
            "Add it with `manage.py add_shard`, or start the development servers "
            "with `manage.py devstack up`."
        )


class ControlNotRegistered(RegistryError):
    """The control database has no address."""

    code = "registry.no_control"

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"The control database has no address ({source}). Run `manage.py devstack up`, "
            "or point ATOLL_REGISTRY at a registry file (docs/reference/settings.md)."
        )


class MalformedRegistry(RegistryError):
    """The registry file cannot be used."""

    code = "registry.malformed"

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f"{path}: {why}. Nothing was loaded; mend the file and try again.")
