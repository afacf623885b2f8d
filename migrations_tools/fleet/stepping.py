"""Migrate one schema: its step, on a connection of its shard that serves many steps."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import psycopg
from django.db import DatabaseError, connections

from migrations_tools.errors import MigrationToolsError, SchemaBusy, SchemaClosed
from migrations_tools.fleet.journal import StepEnd
from migrations_tools.fleet.states import StepState
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.errors import PlacementError
from sharding.pools.outages import causes, says_away
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server
from sharding.schemas.errors import SchemaError, ServerUnreachable

EXPECTED: Final = (
    MigrationToolsError,
    PlacementError,
    RegistryError,
    SchemaError,
    DatabaseError,
    psycopg.Error,
)
"""What one schema may fail with while the others go on."""

LOCK_TRIES: Final = 4
_PAUSE_S: Final = 0.15
"""Readers queue behind DDL that waits: between two tries they have the table to themselves."""


@dataclass(frozen=True, slots=True)
class Route:
    """How the schemas of one group get to the state of the code.

    Attributes:
        pending: the migrations that they lack, as `app.name`, in order.
    """

    pending: tuple[str, ...] = ()


class ShardLost(Exception):
    """The shard does not answer any more; whoever waits for it waits in vain."""

    def __init__(self, reason: str) -> None:
        self.reason = " ".join(reason.split())
        super().__init__(self.reason)


@dataclass(slots=True)
class Lane:
    """One worker's connections to one shard. Belongs to the thread that entered it."""

    server: Server
    tell: Callable[[str], None]
    sleep: Callable[[float], None] = field(default=time.sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connections.close_all()

    def step(self, place: scope.Placement, route: Route) -> StepEnd:
        """Bring one schema to the state of the code. Its lease is ours.

        Raises:
            ShardLost: nothing more can be done on this shard; what was committed there stays.
        """
        try:
            way = self._with_patience(lambda: self._migrate(place, route))
        except EXPECTED as error:
            if lost := _lost(error):
                raise ShardLost(lost) from error
            said = " ".join(str(error).split()) or type(error).__name__
            state = StepState.PUT_OFF if _is_passing(error) else StepState.FAILED
            return StepEnd(place.tenant_id, place.shard, state, said=said)
        return StepEnd(place.tenant_id, place.shard, StepState.DONE, way=way)

    def _migrate(self, place: scope.Placement, route: Route) -> str:
        build_schema(place, tell=self._teller(place), with_reference=False)
        return "executor"

    def _with_patience(self, attempt: Callable[[], str]) -> str:
        for remaining in reversed(range(LOCK_TRIES)):
            try:
                return attempt()
            except EXPECTED as error:
                if not remaining or not _waited_for_lock(error):
                    raise
            # Jitter against lanes that wait for each other; no secret.
            self.sleep(_PAUSE_S * random.uniform(0.5, 1.5) * (LOCK_TRIES - remaining))
        raise AssertionError  # the last try returns or raises

    def _teller(self, place: scope.Placement) -> Callable[[str], None]:
        return lambda name: self.tell(f"{place.tenant_id} on {place.shard}: {name}")


def _lost(error: BaseException) -> str:
    """Why the shard is lost; empty when it is not."""
    if isinstance(error, ServerUnreachable):
        return error.reason
    if isinstance(error, DatabaseError | psycopg.Error) and says_away(error):
        return str(error)
    return ""


def _waited_for_lock(error: BaseException) -> bool:
    return any(isinstance(each, psycopg.errors.LockNotAvailable) for each in causes(error))


def _is_passing(error: BaseException) -> bool:
    """Whether somebody else was in the way, who will be gone in a while."""
    return isinstance(error, SchemaBusy | SchemaClosed) or _waited_for_lock(error)


WAIT_BETWEEN_ROUNDS: Final = timedelta(seconds=1)
