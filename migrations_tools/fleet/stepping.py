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
from migrations_tools.fleet.connecting import LaneConnections, make_durable
from migrations_tools.fleet.journal import StepEnd
from migrations_tools.fleet.routes import Route
from migrations_tools.fleet.states import StepState
from migrations_tools.replay.errors import LockNotGranted, NotAtStart, ReplayRefused
from migrations_tools.replay.executing import run_by_executor
from migrations_tools.replay.replaying import replay_segment
from migrations_tools.replay.types import Mark, Segment
from sharding import scope
from sharding.placements.errors import PlacementError
from sharding.pools.outages import causes, says_away, without_rows
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
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

WAIT_BETWEEN_ROUNDS: Final = timedelta(seconds=1)
LOCK_TRIES: Final = 4
_PAUSE_S: Final = 0.15
"""Readers queue behind DDL that waits: between two tries they have the table to themselves."""

_IN_USE: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

REPLAY: Final = "replay"
EXECUTOR: Final = "executor"
BEGUN: Final = "begun"
"""It broke off, and nobody could ask what is there."""


class ShardLost(Exception):
    """The shard does not answer any more; whoever waits for it waits in vain.

    begun says that a part of the schema's migrations may be there.
    """

    def __init__(self, reason: str, *, begun: bool = False) -> None:
        self.reason = " ".join(reason.split())
        self.begun = begun
        super().__init__(self.reason)


@dataclass(slots=True)
class Lane:
    """One worker on one shard. Belongs to the thread that entered it."""

    server: Server
    lent: LaneConnections
    tell: Callable[[str], None]
    _connection: Connection | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self.lent.give_back(self.server, self._connection)
        # What the executor used of Django's, which are this thread's.
        connections.close_all()

    def step(self, place: scope.Placement, route: Route) -> StepEnd:
        """Bring one schema to the state of the code. Its lease is ours.

        Raises:
            ShardLost: nothing more can be done on this shard; what was committed there stays.
        """
        ways: list[str] = []
        try:
            self._migrate(place, route, ways)
            state, said = StepState.DONE, ""
        except EXPECTED as error:
            if lost := _lost(error):
                raise ShardLost(lost, begun=bool(ways)) from error
            # For the journal, which is in control, where no tenant's data is.
            said = without_rows(error)
            state = StepState.PUT_OFF if _is_passing(error) else StepState.FAILED
        except Exception as error:  # noqa: BLE001 - a migration's own code raises what it likes
            said = f"{type(error).__name__}: {without_rows(error)}"
            state = StepState.FAILED
        way = ", ".join(dict.fromkeys(ways))
        return StepEnd(place.tenant_id, place.shard, state, way=way, said=said)

    def make_durable(self) -> None:
        """Have the shard keep what was replayed since the last time, whatever happens to it.

        Raises:
            ShardLost: it may have lost some of it; the shard's own table says what.
        """
        if self._connection is None:
            return
        try:
            make_durable(self._connection)
        except psycopg.Error as error:
            raise ShardLost(str(error)) from error

    def _migrate(self, place: scope.Placement, route: Route, ways: list[str]) -> None:
        """Append to `ways` how it was migrated, as it goes."""
        if route.recording is None:
            ways.append(EXECUTOR)
            self._execute(place, None)
            return
        now: Mark = route.recording.start
        for segment in route.recording.segments:
            if segment.replayable and now == segment.before:
                try:
                    replay_segment(self._connected(), place.schema, segment)
                except ReplayRefused as error:
                    self.tell(f"{place.tenant_id} on {place.shard}: {error}")
                else:
                    ways.append(REPLAY)
                    now = segment.after
                    continue
            ways.append(EXECUTOR)
            now = self._execute(place, segment)

    def _execute(self, place: scope.Placement, segment: Segment | None) -> Mark:
        """Take a schema over one segment, or to the end; return what it is then, measured."""

        def tell(name: str) -> None:
            self.tell(f"{place.tenant_id} on {place.shard}: {name}")

        for remaining in reversed(range(LOCK_TRIES)):
            try:
                if segment is None:
                    return run_by_executor(place, None, tell=tell)
                return run_by_executor(place, segment.nodes, gained=segment.gained, tell=tell)
            except EXPECTED as error:
                if not remaining or not _waited_for_lock(error):
                    raise
            # Jitter against lanes that wait for each other; no secret.
            time.sleep(_PAUSE_S * random.uniform(0.5, 1.5) * (LOCK_TRIES - remaining))
        raise AssertionError  # the last try returns or raises

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self.lent.borrow(self.server)
        return self._connection


def _lost(error: BaseException) -> str:
    """Why the shard is lost; empty when it is not."""
    if isinstance(error, ServerUnreachable):
        return error.reason
    if isinstance(error, DatabaseError | psycopg.Error) and says_away(error):
        return str(error)
    return ""


def _waited_for_lock(error: BaseException) -> bool:
    return any(isinstance(each, _IN_USE) for each in causes(error))


def _is_passing(error: BaseException) -> bool:
    """Whether somebody else was in the way, who will be gone in a while."""
    others = (LockNotGranted, NotAtStart, SchemaBusy, SchemaClosed)
    return isinstance(error, others) or _waited_for_lock(error)
