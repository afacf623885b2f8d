"""What stops a process that would serve requests before it takes one."""

from sharding.pools.budgeted import refuse_too_many_shards
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError


def refuse_to_start() -> None:
    """Servers run no system checks: what must not come up is said here.

    Raises:
        GroupTooLarge: for one process there are too many shards.
    """
    try:
        known = registry.registry()
    except RegistryError:
        return  # every request says so
    refuse_too_many_shards(known)
