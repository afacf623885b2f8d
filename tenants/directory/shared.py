"""What all processes remember together, in Redis. Away, it costs speed only."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from django.core.cache import caches
from django_redis.exceptions import ConnectionInterrupted

from sharding import scope
from sharding.placements.states import PlacementState
from tenants.conf import tenant_settings
from tenants.directory.types import Entry, Key
from tenants.states import TenantState

CACHE: Final = "control"
KEPT_FOR: Final = timedelta(days=1)
"""Much longer than it is fresh: a process that starts while control is away serves from it."""

_SOMEBODY: Final = "directory:2"
"""Beside the answers: that there are any."""


@dataclass(frozen=True, slots=True)
class Shared:
    """An answer out of Redis."""

    entry: Entry
    is_fresh: bool


def get(key: Key) -> Shared | None:
    """The answer that some process put there, fresh or not."""
    try:
        text = caches[CACHE].get(_name(key))
        return None if text is None else _parse(text)
    except (ConnectionInterrupted, OSError):
        return None


def put(key: Key, entry: Entry, *, fresh_for: timedelta) -> None:
    """Let the other processes know. Absent tenants are not kept: anybody can ask for those."""
    told = {**asdict(entry), "fresh_until": time.time() + fresh_for.total_seconds()}
    del told["verdict"]  # follows from the states
    del told["placement"]["statement_timeout_ms"]  # and this from the plan
    answers = {_name(key): json.dumps(told), _SOMEBODY: True}
    try:
        caches[CACHE].set_many(answers, timeout=KEPT_FOR.total_seconds())
    except (ConnectionInterrupted, OSError):
        return


def remembers_somebody() -> bool:
    """Whether any process has put an answer there that is kept still."""
    try:
        return caches[CACHE].get(_SOMEBODY) is not None
    except (ConnectionInterrupted, OSError):
        return False


def forget(keys: list[Key]) -> None:
    """Let everybody ask control again."""
    try:
        caches[CACHE].delete_many([_name(key) for key in keys])
    except (ConnectionInterrupted, OSError):
        return


def _name(key: Key) -> str:
    return f"directory:2:{key}"


def _parse(text: str) -> Shared | None:
    """None for what another release wrote in another form."""
    try:
        told = json.loads(text)
        fresh_until = float(told.pop("fresh_until"))
        told["tenant_state"] = TenantState(told["tenant_state"])
        told["placement_state"] = PlacementState(told["placement_state"])
        timeout = tenant_settings().statement_timeout_ms(told["plan"])
        told["placement"] = scope.Placement(**told["placement"], statement_timeout_ms=timeout)
        return Shared(Entry(**told), is_fresh=time.time() < fresh_until)
    except (KeyError, TypeError, ValueError):
        return None
