"""System checks of DATABASES: two entries, both ours, and nothing that the registry has to say."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend

from sharding.backend.atomic_requests import WhileInScope
from sharding.backend.control.base import DatabaseWrapper as ControlWrapper
from sharding.backend.handler import CONTROL
from sharding.backend.virtual.base import DatabaseWrapper as StandIn
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError

_ADDRESS: Final = ("HOST", "PORT", "NAME", "USER", "PASSWORD")
_REFUSED_OPTIONS: Final = {
    "server_side_binding": "statements could not carry their tenant",
    "cursor_factory": "statements could not carry their tenant",
    "pool": "pools come from ATOLL_POOL, for control and every shard alike",
    "options": "a pooler refuses settings of the session",
}


def register() -> None:
    """Tell Django of them."""
    for each in (check_engines, check_atomic_requests, check_names, check_addresses, check_options):
        checks.register(each)


def check_engines(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """`default` is the stand-in, `control` the control database's engine."""
    if not _is_a(DEFAULT_DB_ALIAS, StandIn):
        yield Error(
            "The engine of DATABASES['default'] is not the stand-in: without a scope, statements "
            "would go to one database for all.",
            hint='"default": {"ENGINE": "sharding.backend.virtual", …}.',
            id="sharding.E012",
        )
    if CONTROL not in connections.settings or not _is_a(CONTROL, ControlWrapper):
        yield Error(
            "DATABASES has no 'control' with the control database's engine.",
            hint='"control": {"ENGINE": "sharding.backend.control"}.',
            id="sharding.E013",
        )


def check_atomic_requests(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """A request's transaction is opened where its tenant is, and nowhere else."""
    for alias, entry in connections.settings.items():
        value = entry["ATOMIC_REQUESTS"]
        if (value and not isinstance(value, WhileInScope)) or (alias != DEFAULT_DB_ALIAS and value):
            yield Error(
                f"ATOMIC_REQUESTS of {alias!r} is {value!r}: requests without a tenant, and async "
                "views, would fail.",
                hint='"ATOMIC_REQUESTS": sharding.backend.atomic_requests.WhileInScope() on '
                "`default`, and nothing on `control`; shards take over what `default` has.",
                id="sharding.E014",
            )


def check_names(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Shards stand in the registry, not in the settings."""
    try:
        shards = registry.registry().shards
    except RegistryError:
        return  # sharding.E003 says what is wrong
    for alias in connections.settings:
        if alias in shards:
            yield Error(
                f"Shard {alias} stands in DATABASES as well: whoever goes through all databases "
                "of the settings would meet it.",
                hint="Take it out; its address is in the registry file.",
                id="sharding.E015",
            )


def check_addresses(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Nobody believes an address in the settings to be in use."""
    for alias in (DEFAULT_DB_ALIAS, CONTROL):
        entry: Any = settings.DATABASES.get(alias, {})
        if given := [name for name in _ADDRESS if entry.get(name)]:
            yield checks.Warning(
                f"DATABASES[{alias!r}] has {', '.join(given)}, which nothing reads.",
                hint="Addresses and logins stand in the registry file that ATOLL_REGISTRY names.",
                id="sharding.W016",
            )


def check_options(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Options under which the backend could not do its work."""
    for alias in (DEFAULT_DB_ALIAS, CONTROL):
        entry: Any = settings.DATABASES.get(alias, {})
        options = entry.get("OPTIONS", {})
        for name, why in _REFUSED_OPTIONS.items():
            if options.get(name):
                yield Error(
                    f"OPTIONS[{name!r}] of {alias!r} is not supported: {why}.",
                    hint="Take it out.",
                    id="sharding.E017",
                )


def _is_a(alias: str, wanted: type) -> bool:
    backend: Any = load_backend(connections.settings[alias]["ENGINE"])
    return issubclass(backend.DatabaseWrapper, wanted)
