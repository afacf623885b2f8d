"""The stack that `manage.py devstack` is about."""

from devstack.conf import default_folder, default_shards
from devstack.stack import Stack


def development_stack(*, pgbouncer: bool | None = None) -> Stack:
    """This checkout's own servers: durable, with PgBouncer where the system has it.

    Raises:
        UnfitShardName: the environment names a shard that cannot be one.
    """
    return Stack(default_folder(), fsync=True, shards=default_shards(), pgbouncer=pgbouncer)
