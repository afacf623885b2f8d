"""What moves have left behind, by what control and the shards say. Pure.

Whatever belongs to a move that can go on is that move's to take away; here is only what no move
will ever come back for, and moves that nobody works on.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from sharding.figures import size_in_words
from sharding.moves.core.states import MoveState
from sharding.schemas.types import Phase

MUCH_WAL: Final = 1_000_000_000
"""Bytes that a slot keeps from being recycled: from so many on somebody should know."""


class Ill(StrEnum):
    """What can be wrong."""

    STUCK = "stuck"
    """A move that can go on, and on which nobody works."""

    DIFFERS = "differs"
    """A move whose copies hold different rows."""

    DEBT = "debt"
    """A move that has ended and still owes something."""

    SESSION = "session"
    """A mover's session on a shard, of a move that has ended or of an older mover."""

    COPY = "copy"
    """A tenant's tables on a shard where it does not live, which no move will drop."""

    FENCE = "fence"
    """The tables of a tenant that lives there refuse its writes, and no move will open them."""

    GUARD = "guard"
    """Guards that are armed although nothing moves: every write pays a little for it."""

    SUBSCRIPTION = "subscription"
    SLOT = "slot"
    PUBLICATION = "publication"

    WAL = "wal"
    """A slot that keeps much of what its server has written."""

    LOST = "lost"
    """A slot of a move that can go on, from which its server has taken what nobody had read."""

    UNREACHABLE = "unreachable"
    """A shard that was not looked at."""


@dataclass(frozen=True, slots=True)
class KnownMove:
    """A move, as its journal says.

    Attributes:
        is_stuck: it can go on, and nobody works on it, although somebody should.
        owed: shard and kind of what is still to be taken away.
    """

    move_id: int
    tenant_id: str
    source: str
    target: str
    state: str
    token: int
    is_live: bool
    is_stuck: bool = False
    differs: str = ""
    owed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """A tenant's schema, or the row that is left of it, on one shard."""

    schema: str
    phase: Phase
    move_id: int | None = None
    armed: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A mover's session."""

    schema: str
    move_id: int
    token: int
    pid: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A slot, a publication or a subscription; of a move if it is called as one.

    Attributes:
        keeps: bytes of WAL, of a slot.
        lost: of a slot: what it was to keep is gone, and nothing can be read from it any more.
    """

    kind: Ill
    name: str
    schema: str = ""
    move_id: int | None = None
    active: bool = False
    keeps: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ShardSight:
    """What one shard has. `away`: why it was not looked at; empty: it was."""

    shard: str
    away: str = ""
    copies: tuple[Copy, ...] = ()
    sessions: tuple[Session, ...] = ()
    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        subject: what, as the server calls it.
        says: one sentence.
        remedy: one sentence.
        mends: the doctor can do it.
        tenant_id, move_id: whose, where that is known.
    """

    ill: Ill
    shard: str
    subject: str
    says: str
    remedy: str
    mends: bool = False
    tenant_id: str = ""
    move_id: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What control says: all moves that matter, and where tenants live (shard, state)."""

    moves: Mapping[int, KnownMove]
    places: Mapping[str, tuple[str, str]]
    live: Mapping[str, KnownMove] = field(init=False)

    def __post_init__(self) -> None:
        live = {one.tenant_id: one for one in self.moves.values() if one.is_live}
        object.__setattr__(self, "live", live)

    def is_live(self, move_id: int | None) -> bool:
        """Whether that move can go on, and takes away itself what is its own."""
        move = None if move_id is None else self.moves.get(move_id)
        return move is not None and move.is_live


def diagnose(known: Known, sights: Iterable[ShardSight]) -> tuple[Finding, ...]:
    """All that is wrong, moves first, then by shard.

    What the shards say is older than what control says: a move that began meanwhile is known.
    """
    found = list(_of_moves(known.moves.values()))
    for sight in sights:
        if sight.away:
            found.append(
                Finding(
                    Ill.UNREACHABLE, sight.shard, sight.shard,
                    f"It was not looked at: {sight.away}",
                    "Run this again when it is back.",
                )
            )  # fmt: skip
        found += _of_sessions(known, sight)
        found += _of_copies(known, sight)
        found += _of_streams(known, sight)
    return tuple(found)


def _of_moves(moves: Collection[KnownMove]) -> Iterator[Finding]:
    for move in sorted(moves, key=lambda one: one.move_id):
        name = f"move {move.move_id}"
        of_it = partial(Finding, tenant_id=move.tenant_id, move_id=move.move_id)
        if move.differs:
            yield of_it(
                Ill.DIFFERS, move.source, name,
                f"Its copies held different rows: {move.differs}.",
                "Compare the tables that it names; docs/runbooks/moves.md says how.",
            )  # fmt: skip
        elif move.is_stuck:
            yield of_it(
                Ill.STUCK, move.source, name,
                f"It is {move.state}, and nobody works on it.",
                f"`manage.py resume_move {move.move_id}` ends it.",
                mends=True,
            )  # fmt: skip
        elif not move.is_live and move.owed:
            owed = ", ".join(f"{kind} on {shard}" for shard, kind in move.owed)
            yield of_it(
                Ill.DEBT, move.source, name,
                f"It is {move.state} and still owes: {owed}.",
                "It is done now where it is not needed.",
                mends=True,
            )  # fmt: skip


def _of_sessions(known: Known, sight: ShardSight) -> Iterator[Finding]:
    for one in sight.sessions:
        move = known.moves.get(one.move_id)
        if move is not None and move.is_live and one.token >= move.token:
            continue
        why = "of a move that has ended" if move is None or not move.is_live else "of an older one"
        yield Finding(
            Ill.SESSION, sight.shard, str(one.pid),
            f"A mover's session, {why} (move {one.move_id}, token {one.token}).",
            "It is ended.",
            mends=True, tenant_id=one.schema, move_id=one.move_id,
        )  # fmt: skip


def _of_copies(known: Known, sight: ShardSight) -> Iterator[Finding]:
    for copy in sight.copies:
        live = known.live.get(copy.schema)
        if live is not None and sight.shard in (live.source, live.target):
            continue
        lives_on, state = known.places.get(copy.schema, ("", ""))
        of_it = partial(Finding, tenant_id=copy.schema, move_id=copy.move_id)
        if lives_on == sight.shard:
            yield from _of_the_one_it_lives_in(copy, sight.shard, state)
        elif lives_on and copy.move_id is not None and copy.phase in _CLOSED:
            yield of_it(
                Ill.COPY, sight.shard, copy.schema,
                f"Move {copy.move_id} left a copy ({copy.phase}); the tenant lives on {lives_on}.",
                "The copy is dropped.",
                mends=True,
            )  # fmt: skip


_CLOSED: Final = frozenset({Phase.INCOMING, Phase.FENCED, Phase.SEALED})


def _of_the_one_it_lives_in(copy: Copy, shard: str, state: str) -> Iterator[Finding]:
    of_it = partial(Finding, tenant_id=copy.schema, move_id=copy.move_id)
    if copy.phase is Phase.FENCED and copy.move_id is not None:
        yield of_it(
            Ill.FENCE, shard, copy.schema,
            f"Its tables refuse its writes since move {copy.move_id}, and its place is {state}.",
            "They accept writes again.",
            mends=True,
        )  # fmt: skip
    elif copy.phase is Phase.ACTIVE and copy.armed:
        yield of_it(
            Ill.GUARD, shard, copy.schema,
            "The guards of its tables are armed, and nothing moves.",
            "They are disarmed.",
            mends=True,
        )  # fmt: skip


def _of_streams(known: Known, sight: ShardSight) -> Iterator[Finding]:
    for one in sight.streams:
        if one.move_id is not None and not known.is_live(one.move_id):
            yield Finding(
                one.kind, sight.shard, one.name,
                f"A {one.kind} of move {one.move_id}, which has ended"
                + (f"; it keeps {size_in_words(one.keeps)} of WAL." if one.keeps else "."),
                "It is taken away.",
                mends=True, tenant_id=one.schema, move_id=one.move_id,
            )  # fmt: skip
        elif one.move_id is not None and one.lost:
            yield Finding(
                Ill.LOST, sight.shard, one.name,
                f"This slot of move {one.move_id} is lost: its server keeps only so much, or so "
                "long, for a slot that is not read.",
                "Nothing brings those rows to the other shard any more, and the tenant works on: "
                f"{_ends(known, one)}, and move it anew.",
                tenant_id=one.schema, move_id=one.move_id,
            )  # fmt: skip
        elif one.kind is Ill.SLOT and one.keeps >= MUCH_WAL:
            whose = "nobody of ours" if one.move_id is None else f"move {one.move_id}"
            reads = "is read" if one.active else "is read by nobody"
            yield Finding(
                Ill.WAL, sight.shard, one.name,
                f"This slot of {whose} {reads} and keeps {size_in_words(one.keeps)} of WAL.",
                f"A server whose disk is full stops: see that it is read, or {_ends(known, one)}.",
                tenant_id=one.schema, move_id=one.move_id,
            )  # fmt: skip


def _ends(known: Known, slot: Stream) -> str:
    """What else can be done about a slot."""
    move = None if slot.move_id is None else known.moves.get(slot.move_id)
    if move is None:
        return "drop it"
    command = "finish_move" if move.state == MoveState.SOAKING else "abort_move"
    return f"end the move: `manage.py {command} {move.move_id}`"
