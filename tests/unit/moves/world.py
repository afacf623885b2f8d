"""Two shards, control, and what each act of a move does to them: small enough to try everything.

The order of acts, the table of states and what recovery decides are the product's. What is written
here is what an act changes, in pieces between which a mover may be killed or frozen: each piece is
one commit somewhere. Acts that change nothing that others see are left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sharding.moves.core.recovery import Journal, Place, Sight, Verdict, decide
from sharding.moves.core.states import ENDS, MoveState, may_become
from sharding.moves.core.steps import Act, Step, Way, steps_from
from sharding.schemas.types import Marker, Phase

S, A = MoveState, Act
SOURCE, TARGET = "alpha", "beta"


@dataclass(frozen=True)
class Copy:
    """A tenant's schema on one shard. `rows`: how many writes it holds; None: no tables."""

    phase: Phase
    token: int = 0
    move: int = 0
    rows: int | None = None

    @property
    def writable(self) -> bool:
        return self.phase is Phase.ACTIVE


@dataclass(frozen=True)
class World:
    """What the servers hold. `acked`: writes whose commit somebody was told of."""

    source: Copy = Copy(Phase.ACTIVE, rows=0)
    target: Copy = Copy(Phase.TOMBSTONE)
    place: str = SOURCE
    moving: bool = False
    lease: int = 0
    move: int = 0
    state: MoveState = S.ABORTED
    token: int = 0
    acked: int = 0


@dataclass(frozen=True)
class Checks:
    """The guards; each can be taken away, to see that something fails then."""

    on_shards: bool = True
    on_control: bool = True
    take_over: bool = True


class Refused(Exception):
    """Somebody with a newer token is at work: the mover ends."""


Piece = Callable[["World", int, Checks], World]


def _shard(world: World, token: int, checks: Checks, side: str, **changes: object) -> World:
    copy: Copy = getattr(world, side)
    if checks.on_shards and copy.token > token:
        raise Refused(side)
    token = max(copy.token, token)
    return replace(world, **{side: replace(copy, token=token, **changes)})  # type: ignore[arg-type]


def _journal(world: World, token: int, checks: Checks, to: MoveState, **changes: object) -> World:
    if checks.on_control and world.token != token:
        raise Refused("control")
    if world.state is not to and not may_become(world.state, to):
        raise Refused(f"{world.state} to {to}")
    return replace(world, state=to, **changes)  # type: ignore[arg-type]


def _claim(world: World, token: int, checks: Checks) -> World:
    world = _shard(world, token, checks, "source", move=world.move)
    return _shard(world, token, checks, "target", move=world.move)


def _fence(world: World, token: int, checks: Checks) -> World:
    return _shard(world, token, checks, "source", phase=Phase.FENCED)


def _make(world: World, token: int, checks: Checks) -> World:
    return _shard(world, token, checks, "target", phase=Phase.INCOMING, rows=0)


def _copy(world: World, token: int, checks: Checks) -> World:
    if world.target.phase is not Phase.INCOMING:
        raise Refused("target")
    return _shard(world, token, checks, "target", rows=world.source.rows)


def _look(world: World, token: int, checks: Checks) -> World:
    held = (world.source.phase, world.target.phase) == (Phase.FENCED, Phase.INCOMING)
    if checks.on_shards and (not held or world.source.token > token or world.target.token > token):
        raise Refused("look")
    return world


def _switch(world: World, token: int, checks: Checks) -> World:
    if world.place != SOURCE or not world.moving:
        raise Refused("placement")
    return _journal(world, token, checks, S.SWITCHED, place=TARGET)


def _open(world: World, token: int, checks: Checks) -> World:
    return _shard(world, token, checks, "target", phase=Phase.ACTIVE)


def _seal(world: World, token: int, checks: Checks) -> World:
    if world.source.phase is Phase.TOMBSTONE:
        return world
    return _shard(world, token, checks, "source", phase=Phase.SEALED)


def _drop(side: str) -> Piece:
    def drop(world: World, token: int, checks: Checks) -> World:
        copy: Copy = getattr(world, side)
        if copy.writable or world.place == {"source": SOURCE, "target": TARGET}[side]:
            raise Refused(side)
        return _shard(world, token, checks, side, phase=Phase.TOMBSTONE, rows=None)

    return drop


def _unfence(world: World, token: int, checks: Checks) -> World:
    if world.source.phase is not Phase.FENCED:
        return world
    return _shard(world, token, checks, "source", phase=Phase.ACTIVE)


def _release_back(world: World, token: int, checks: Checks) -> World:
    if checks.on_control and world.token != token:
        raise Refused("control")
    to = world.state if world.state is S.ABORTING else S.COPIED
    return _journal(world, token, checks, to, moving=False)


def _goes(to: MoveState, **changes: object) -> Piece:
    return lambda world, token, checks: _journal(world, token, checks, to, **changes)


PIECES: Mapping[Act, tuple[Piece, ...]] = {
    A.CLAIM: (_claim,),
    A.CLAIM_SOURCE: (
        lambda world, token, checks: _shard(world, token, checks, "source", move=world.move),
    ),
    A.MAKE_TARGET: (_make,),
    A.COPY: (_copy,),
    A.GATE: (_goes(S.GATED, moving=True),),
    A.FENCE: (_goes(S.FENCED), _fence),
    A.COPY_CHANGES: (_copy,),
    A.LOOK: (_look,),
    A.SWITCH: (_switch,),
    A.OPEN: (_open,),
    A.RELEASE: (_goes(S.OPENED, moving=False),),
    A.SEAL_SOURCE: (_seal,),
    A.DROP_SOURCE: (_drop("source"),),
    A.TURN_BACK: (_goes(S.ABORTING),),
    A.UNFENCE: (_unfence,),
    A.RELEASE_BACK: (_release_back,),
    A.DROP_TARGET: (_drop("target"),),
}

_WRITES_ITSELF = (A.GATE, A.FENCE, A.SWITCH, A.RELEASE, A.TURN_BACK, A.RELEASE_BACK)


def pieces_of(steps: tuple[Step, ...]) -> Iterator[Piece]:
    """What is committed, one after the other."""
    for step in steps:
        yield from PIECES.get(step.act, ())
        if step.reaches is not None and step.act not in _WRITES_ITSELF:
            yield _goes(step.reaches)


def begin(world: World) -> tuple[World, int]:
    """Take the lease with a token that nobody had, and write down a move."""
    token = max(world.lease, world.source.token, world.target.token) + 1
    begun = replace(world, lease=token, move=world.move + 1, state=S.PLANNED, token=token)
    return begun, token


def recover(world: World, checks: Checks) -> tuple[World, int, Verdict]:
    """Take the lease, shut older movers out, and decide."""
    token = max(world.lease, world.source.token, world.target.token) + 1
    world = replace(world, lease=token, token=token)
    if checks.take_over:
        world = _claim(world, token, checks)
    said = Journal(world.move, world.state, SOURCE, TARGET)
    place = Place(world.place, 1)
    ruling = decide(said, _seen(world.source), _seen(world.target), place)
    return world, token, ruling.verdict


def _seen(copy: Copy) -> Sight:
    marker = Marker("t", copy.phase, 1, copy.move, copy.token, None, None, None, None)
    return Sight(answers=True, marker=marker)


def program(world: World, verdict: Verdict) -> tuple[Step, ...]:
    """What recovery then does."""
    if verdict is Verdict.FORWARD:
        return steps_from(world.state, Way.FORWARD)
    if verdict is Verdict.BACK:
        return steps_from(world.state, Way.BACK)
    assert verdict is Verdict.NOTHING, f"{verdict}: {world}"
    assert world.state in ENDS
    return ()


def wrong_with(world: World) -> str:
    """What must never be, if it is."""
    if world.source.writable and world.target.writable:
        return "two copies accept writes"
    for copy in (world.source, world.target):
        if copy.writable and copy.rows != world.acked:
            return "the copy that accepts writes lacks one that was acknowledged"
    home = world.source if world.place == SOURCE else world.target
    if home.rows is None:
        return "the tenant's place has no copy"
    return ""
