"""What a mover holds while it works on one move."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sharding.moves.connections import BULK, Who, identity_of, mover_connection
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import PARTS_OF_A_PAUSE, Mode, Route, Step, Way, steps_from
from sharding.moves.errors import AbortAsked, EndsChanged, PauseOverran
from sharding.moves.models import Move
from sharding.moves.ports import MadeTarget
from sharding.moves.services import journal
from sharding.moves.services.copying import Round
from sharding.moves.services.streams import Direction
from sharding.moves.types import MoveRequest
from sharding.placements.services.leases import Lease
from sharding.pools.deadline import Deadlined
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import TableShape

Tell = Callable[[str], None]

_GRACE: Final = timedelta(seconds=1)
"""So that a slow statement gets the server's own answer, and only a dead server ours."""


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Lanes:
    """The connections of the pause, opened before it and warm.

    Attributes:
        fence: at the source; holds the lock.
        reading: at the source; sees what changed. In logical mode it keeps the source's rows as
            they are under the fence, in an open transaction, until they were compared.
        writing: at the target; what it writes passes guards and triggers.
        opening: at the target; prepares the opening while control switches.
        frozen: at the target; keeps its rows as they are before the opening, in an open
            transaction, until they were compared.
    """

    fence: Connection
    reading: Connection
    writing: Connection
    opening: Connection
    frozen: Connection


@dataclass(slots=True)
class Work:
    """One mover at work on one move.

    Attributes:
        ours: raises LeaseLost once the lease is somebody else's.
        last: the last round of copying; None before the first.
        moving_epoch: the placement's, once its gate is closed.
        tried: pauses so far.
        pause_ms: by part, of the pause that succeeded.
        rows: copied so far.
        is_frozen: `lanes.frozen` still sees the target as it was before it was opened.
        made: the target's tables, and what is still to be made of them.
        tables: whose rows the streams carry, as they were when the move, or its turn, began.
        guarded: tables that the fence locks, as they were when the lanes were warmed.
        sentinel: what the fence has sent through the stream as the last thing.
        identities: which server each shard was when the lanes were opened.
    """

    move: Move
    request: MoveRequest
    lease: Lease
    ours: Callable[[], None]
    tell: Tell = silent
    lanes: Lanes | None = None
    last: Round | None = None
    moving_epoch: int = 0
    tried: int = 0
    pause_ms: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    is_frozen: bool = False
    made: MadeTarget | None = None
    tables: tuple[TableShape, ...] = ()
    guarded: tuple[str, ...] = ()
    sentinel: int = 0
    identities: dict[str, str] = field(default_factory=dict)
    _paused_at: float | None = None
    _opened: ExitStack = field(default_factory=ExitStack)

    @property
    def state(self) -> MoveState:
        """How far it is, as this mover has written down."""
        return MoveState(self.move.state)

    @property
    def route(self) -> Route:
        """How this move goes."""
        return Route(
            Mode(self.move.mode),
            soaks=self.request.soaks and Mode(self.move.mode) is Mode.LOGICAL,
            turned=self.move.turns > 0,
        )

    def steps(self, way: Way) -> tuple[Step, ...]:
        """What is left to do."""
        return steps_from(self.state, way, self.route)

    @property
    def direction(self) -> Direction:
        """The stream that carries what the source writes."""
        return Direction.BACK if self.move.turns % 2 else Direction.THERE

    @property
    def who(self) -> Who:
        """This mover, for the shards."""
        return Who(self.schema, self.move.pk, self.lease.token)

    @property
    def schema(self) -> str:
        """The tenant's, which is called the same at both ends."""
        return self.move.tenant_id

    @property
    def token(self) -> int:
        """Of the lease: what is done under an older one is void."""
        return self.lease.token

    @property
    def source(self) -> Server:
        """Where the tenant comes from."""
        return addresses.shard(self.move.source)

    @property
    def target(self) -> Server:
        """Where it goes."""
        return addresses.shard(self.move.target)

    def still_wanted(self) -> None:
        """To be called before whatever cannot be taken back.

        Raises:
            LeaseLost: somebody else may be at work.
            AbortAsked: somebody wants it taken back.
        """
        self.ours()
        if not self.state.is_past_no_return and journal.abort_asked(self.move):
            raise AbortAsked(self.move.pk)

    def open_lanes(self) -> Lanes:
        """The connections of the pause; those that are open already are kept."""
        if self.lanes is None:
            enter, who = self._opened.enter_context, self.who
            self.lanes = Lanes(
                fence=enter(mover_connection(self.source, who)),
                reading=enter(mover_connection(self.source, who, patience=BULK)),
                writing=enter(mover_connection(self.target, who, replica=True, patience=BULK)),
                opening=enter(mover_connection(self.target, who)),
                frozen=enter(mover_connection(self.target, who, patience=BULK)),
            )
            self.identities = {
                self.move.source: identity_of(self.lanes.fence),
                self.move.target: identity_of(self.lanes.opening),
            }
            self._still_the_same()
        return self.lanes

    def _still_the_same(self) -> None:
        """Make sure that no end was promoted or restored since the streams were made.

        A standby has none of its primary's slots, and may lack rows that the other end was told it
        had: nothing sends those again, and no lag would show it.

        Raises:
            EndsChanged: one was.
        """
        known: dict[str, str] = self.move.result.get("servers", {})
        for shard, found in self.identities.items():
            if known.get(shard, found) != found:
                raise self.cannot_follow(
                    shard, "it was promoted or restored since this move's streams were made"
                )

    def cannot_follow(self, shard: str, why: str) -> EndsChanged:
        """What to raise where a stream may lack rows."""
        return EndsChanged(
            shard,
            f"{why}, and rows may be missing that no stream brings again; `manage.py finish_move "
            f"{self.move.pk}` ends a soak, and a new move makes new streams",
        )

    def began_pause(self) -> None:
        """Start the clock: from here on somebody may have to wait."""
        self._paused_at, self.pause_ms = time.monotonic(), {}

    def ended_pause(self) -> None:
        """Stop it, if it was this mover that began."""
        if self._paused_at is not None:
            self.pause_ms["total"] = _ms_since(self._paused_at)
            self._paused_at = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a part of the pause."""
        assert name in PARTS_OF_A_PAUSE, name
        began = time.monotonic()
        yield
        self.pause_ms[name] = _ms_since(began)

    def left(self, doing: str) -> timedelta:
        """What the budget of the pause still has.

        Raises:
            PauseOverran: nothing.
        """
        began = time.monotonic() if self._paused_at is None else self._paused_at
        left = self.request.max_pause - timedelta(seconds=time.monotonic() - began)
        if left <= timedelta(0):
            raise PauseOverran(doing=doing, budget=self.request.max_pause)
        return left

    def hurry(self, *, over: bool = False) -> None:
        """Wait for no answer longer than the pause may last: a server may stop in the middle."""
        if self.lanes is not None:
            most = (BULK.statement if over else self.request.max_pause) + _GRACE
            for name in self.lanes.__slots__:
                lane: Deadlined = getattr(self.lanes, name)
                lane.cap = most.total_seconds()

    def close_lanes(self) -> None:
        """End them; what is open on them is rolled back."""
        self.lanes, self.is_frozen = None, False
        self._opened.close()


def _ms_since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
