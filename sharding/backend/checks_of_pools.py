"""System checks of the budget of connections, as far as settings alone can tell."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from sharding.pools.budget.planning import plan_pools
from sharding.pools.budgeted import terms_of
from sharding.pools.conf import pool_settings, slot_settings
from sharding.pools.slots import LEFT_TO_OTHERS, spare_threads
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError
from sharding.typed_settings import HINT, mistakes_of


def register() -> None:
    """Tell Django of them."""
    for each in (check_pool_settings, check_process_group, check_budget, check_slots):
        checks.register(each)


def check_pool_settings(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Process groups, limits and reserves can be read."""
    for mistake in mistakes_of(pool_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="sharding.E020",
        )


def check_process_group(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """This process belongs to a group that there is."""
    if mistakes_of(pool_settings):
        return  # sharding.E020 says what is wrong
    configured = pool_settings()
    names = [group.name for group in configured.groups]
    if configured.group and configured.group not in names:
        known = ", ".join(names) or "none"
        yield Error(
            f"ATOLL_PROCESS_GROUP is {configured.group!r}, which is in no ATOLL_PROCESS_GROUPS "
            f"(there: {known}).",
            hint="Without its group this process would not know how large its pools may be.",
            id="sharding.E021",
        )


def check_budget(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """All pools together fit the servers whose limits stand in the settings."""
    if mistakes_of(pool_settings):
        return  # sharding.E020 says what is wrong
    configured = pool_settings()
    try:
        known = registry.registry()
    except RegistryError:
        return  # sharding.E003 says what is wrong
    if not configured.groups or (known.control is None and not known.shards):
        return
    for problem in plan_pools(terms_of(configured, known)).problems:
        yield Error(
            problem,
            hint="`manage.py pool_budget` asks the servers and shows the whole account.",
            id="sharding.E022",
        )


def check_slots(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """What one shard may have at a time leaves threads to the others."""
    if mistakes_of(pool_settings):
        return  # sharding.E020 says what is wrong
    mistakes = mistakes_of(slot_settings)
    for mistake in mistakes:
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="sharding.E023",
        )
    if mistakes:
        return
    configured = slot_settings()
    if not configured.shard_slots or configured.shard_slots > spare_threads(configured.threads):
        many = configured.shard_slots or "no limit"
        yield checks.Warning(
            f"ATOLL_SHARD_SLOTS is {many} and ATOLL_THREADS {configured.threads}: a shard that "
            "hangs can take every thread of a process, and the tenants of all others wait with it.",
            hint=f"At most {LEFT_TO_OTHERS} less than ATOLL_THREADS; leave it out for that.",
            id="sharding.W024",
        )
