"""What moves and the layers above them tell each other."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

from sharding.moves.core.steps import Mode, Route


class DebtKind(StrEnum):
    """What a move may owe on a shard."""

    SEAL = "seal"
    """The copy there still answers reads, and must not."""

    DROP = "drop"
    """The copy there is to go."""

    DISARM = "disarm"
    """The guards of its tables are armed, which costs every write a little."""

    SLOT = "slot"
    """It keeps what the shard writes for a stream, until the disk is full."""

    PUBLICATION = "publication"
    """It says which tables a stream carries."""

    SUBSCRIPTION = "subscription"
    """It brings what a stream carries; two workers of the server work for it."""


STREAMS = (DebtKind.SLOT, DebtKind.PUBLICATION, DebtKind.SUBSCRIPTION)
"""What a shard has of a move's two streams."""


SOAK: Final = timedelta(days=1)
"""So long a way back is kept open, unless somebody says otherwise."""

LONGEST_SOAK: Final = timedelta(days=30)
"""All the while two servers have all rows, and one keeps what it writes for the other."""

SHORTEST_PAUSE: Final = timedelta(milliseconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=10)
LONGEST_DRAIN: Final = timedelta(hours=1)
"""Requests wait meanwhile, and are refused long before."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the processes said of a tenant whose gate was closed.

    Attributes:
        processes: that live, as far as control knows.
        acknowledged: of these, that know of the gate and let nobody through it.
        in_flight: requests and tasks of the tenant that were still under way at the end.
        holders: a sentence for each that was: which process, what, since when.
    """

    processes: int
    acknowledged: int
    in_flight: int
    holders: tuple[str, ...] = ()

    @property
    def is_drained(self) -> bool:
        """Nobody is known to work for the tenant. Who was not asked in time meets the fence."""
        return self.in_flight == 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tenant is not moved, and what to do about it.

    Attributes:
        code: stable, such as `moves.suspended`.
        reason: one sentence.
        remedy: one sentence.
    """

    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason} {self.remedy}"


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """What somebody wants.

    Attributes:
        mode: None: the one that suits the tenant.
        max_pause: the tenant's writes are refused for so long at most; then the pause is taken
            back and tried again.
        max_drain: how long requests that are under way may take to end, before it is put off.
        attempts: how often a pause is tried before the move is taken back.
        between: how long is waited after one that failed.
        soak: so long the way back is kept open, in logical mode; zero: not at all.
    """

    tenant_id: str
    target: str
    mode: Mode | None = None
    max_pause: timedelta = timedelta(seconds=1)
    max_drain: timedelta = timedelta(seconds=5)
    attempts: int = 5
    between: timedelta = timedelta(seconds=1)
    soak: timedelta = SOAK
    asked_by: str = ""

    def __post_init__(self) -> None:
        """Refuse what no journal is to hold, wherever it comes from.

        Raises:
            ValueError: a time is none, or too long to wait for.
        """
        if not SHORTEST_PAUSE <= self.max_pause <= LONGEST_PAUSE:
            raise ValueError(f"max_pause is {self.max_pause}")
        if not timedelta(0) <= self.max_drain <= LONGEST_DRAIN:
            raise ValueError(f"max_drain is {self.max_drain}")
        if not timedelta(0) <= self.soak <= LONGEST_SOAK:
            raise ValueError(f"soak is {self.soak}")
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}")

    @property
    def soaks(self) -> bool:
        """Whether the way back is to be kept open, where the mode has one."""
        return self.soak > timedelta(0)

    @property
    def route(self) -> Route:
        """How it goes, once the mode is chosen."""
        return Route(self.mode or Mode.BLOCK, soaks=self.mode is Mode.LOGICAL and self.soaks)

    def to_json(self) -> dict[str, Any]:
        """What the journal keeps, for those who go on with it."""
        return {
            "mode": str(self.mode or "auto"),
            "max_pause_ms": _ms(self.max_pause),
            "max_drain_ms": _ms(self.max_drain),
            "attempts": self.attempts,
            "between_ms": _ms(self.between),
            "soak_ms": _ms(self.soak),
        }

    @classmethod
    def of(cls, tenant_id: str, target: str, asked: dict[str, Any]) -> Self:
        """Read what the journal has; what older code let pass is brought within bounds."""
        max_pause, max_drain, between, soak = (
            timedelta(milliseconds=asked.get(name, 0))
            for name in ("max_pause_ms", "max_drain_ms", "between_ms", "soak_ms")
        )
        return cls(
            tenant_id,
            target,
            mode=None if asked["mode"] == "auto" else Mode(asked["mode"]),
            max_pause=min(max(max_pause, SHORTEST_PAUSE), LONGEST_PAUSE),
            max_drain=min(max(max_drain, timedelta(0)), LONGEST_DRAIN),
            attempts=max(asked["attempts"], 1),
            between=between,
            soak=min(max(soak, timedelta(0)), LONGEST_SOAK),
        )


@dataclass(frozen=True, slots=True)
class MovePlan:
    """What a move would do: the same object for a dry run and for a run.

    Attributes:
        request: with the mode that was chosen.
        why_mode: why that one; one sentence.
        bytes: of tables and indexes at the source.
        steps: in words, in order.
        refusals: why it is not done; empty when it can be.
        unknown: what was not looked at, because nobody could say; a sentence each.
    """

    request: MoveRequest
    source: str
    why_mode: str = ""
    bytes: int = 0
    tables: int = 0
    steps: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "tenant_id": self.request.tenant_id,
            "from": self.source,
            "to": self.request.target,
            **self.request.to_json(),
            "why_mode": self.why_mode,
            "bytes": self.bytes,
            "tables": self.tables,
            "steps": list(self.steps),
            "refusals": [asdict(one) for one in self.refusals],
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True, slots=True)
class MoveReceipt:
    """How a move ended.

    Attributes:
        state: done, aborted or soaking; anything else is still to be finished by somebody.
        pause_ms: how long the source's writes were refused before the target's were accepted, by
            part; `total` is all of it.
        attempts: how often a pause was tried.
        rows: that were copied, those that were copied again among them.
        verified: the digest of what both copies held at the switch; empty where they were not
            compared.
        owed: what is still to be taken away, as `kind on shard`.
        why: it stopped, if it did.
    """

    move_id: int
    tenant_id: str
    source: str
    target: str
    state: str
    pause_ms: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    attempts: int = 0
    verified: str = ""
    owed: tuple[str, ...] = ()
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
