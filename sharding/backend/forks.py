"""A forked child keeps nothing of its parent's connections.

The sockets are the parent's: what the child sends there, closing included, the parent's session
receives. A pool has no worker threads in the child either, nor have the breakers theirs. So the
child lets go of all of them, without closing any, and begins with none.
"""

import os
from typing import Any

from django.db import connections

from sharding.backend.wrapper import forget_pools
from sharding.pools.breaker import forget_breakers
from sharding.pools.meters import forget_tenant_use
from sharding.pools.process_slots import forget_slots

_inherited: list[object] = []
"""Keeps what was let go from being collected, which would close it."""


def install() -> None:
    """Do so in every child that Python forks: multiprocessing, Celery prefork, gunicorn."""
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    forget_slots()
    forget_tenant_use()
    _inherited.extend(forget_pools())
    _inherited.append(forget_breakers(keep_held=True))
    handler: Any = connections
    for alias in getattr(handler, "made", tuple)():
        wrapper = handler.peek(alias)
        # The wrapper itself may be half way through a block; a fresh one knows nothing of it.
        _inherited.append(wrapper)
        del handler[alias]
