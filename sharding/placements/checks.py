"""System checks about shards; those that ask servers run with `check --database control`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from sharding.placements.conf import placement_settings
from sharding.placements.errors import InvalidShardName
from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.shards import check_shard_name
from sharding.registry.current import describe_source, registry
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.escapes import open_escapes
from sharding.typed_settings import HINT, mistakes_of


@register()
def check_registry(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The registry names every database once, by names that can be used."""
    try:
        known = registry()
    except RegistryError as error:
        return [
            Error(
                str(error),
                hint="Mend the registry file that ATOLL_REGISTRY names (docs/how-to/deploy.md).",
                id="sharding.E003",
            )
        ]
    return [*_shared_databases(), *(_bad_names(tuple(known.shards)))]


@register()
def check_limits(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Roles are made, and processes say that they live."""
    for mistake in mistakes_of(placement_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="sharding.E018",
        )


@register(deploy=True)
def check_control_is_known(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Where real people come there is one; without it many commands still work."""
    try:
        if registry().control is not None:
            return []
    except RegistryError:
        return []  # sharding.E003 says what is wrong
    return [
        Error(
            f"The registry names no control database ({describe_source()}).",
            hint="Set ATOLL_REGISTRY to the registry file (docs/how-to/deploy.md).",
            id="sharding.E008",
        )
    ]


@register(Tags.database)
def check_servers(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """Every shard that control knows has an address, and every server keeps tenants apart."""
    if CONTROL not in (databases or ()):
        return []
    return [*_without_address(), *_with_open_escapes()]


def _shared_databases() -> Iterator[CheckMessage]:
    known = registry()
    by_address: dict[object, str] = {}
    if known.control is not None:
        by_address[known.control.direct] = CONTROL
    for name, server in known.shards.items():
        other = by_address.setdefault(server.direct, name)
        if other == CONTROL:
            yield Error(
                f"Shard {name} and the control database share one database: {server.direct}.",
                hint="Give the shard a database of its own in the registry file.",
                id="sharding.E002",
            )
        elif other != name:
            yield Error(
                f"Shards {other} and {name} share one database: {server.direct}.",
                hint="Each shard needs its own; mend the registry file.",
                id="sharding.E001",
            )


def _bad_names(names: tuple[str, ...]) -> Iterator[CheckMessage]:
    for name in names:
        try:
            check_shard_name(name)
        except InvalidShardName as error:
            yield Error(
                str(error),
                hint="Give the shard another name in the registry file.",
                id="sharding.E004",
            )


def _without_address() -> Iterator[CheckMessage]:
    for name in Shard.objects.using(CONTROL).values_list("name", flat=True):
        if name not in registry().shards:
            yield Error(
                f"Shard {name} is in use and has no address in this machine's registry.",
                hint="Bring the registry file here, or set ATOLL_REGISTRY to where it is.",
                id="sharding.E005",
            )


def _with_open_escapes() -> Iterator[CheckMessage]:
    for name, server in registry().shards.items():
        try:
            ways = open_escapes(server)
        except ServerUnreachable as error:
            yield checks.Warning(
                str(error),
                hint="Start the server, or mend its address in the registry file; then check "
                "again: nothing is known of what it lets through.",
                id="sharding.W006",
            )
            continue
        for way in ways:
            yield checks.Warning(
                f"Shard {name}: {way}.",
                hint="Run `manage.py add_shard` again as a superuser; where the service does not "
                "allow it, docs/security.md says what is left.",
                id="sharding.W007",
            )
