"""The stack that `manage.py devstack` is about."""

from devstack.conf import default_folder
from devstack.stack import Stack


def development_stack(*, pgbouncer: bool | None = None) -> Stack:
    """This checkout's own servers: durable, with PgBouncer where the system has it."""
    return Stack(default_folder(), fsync=True, pgbouncer=pgbouncer)
