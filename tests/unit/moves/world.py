"""Two shards, control, and what each act of a move does to them: small enough to try everything.

The order of acts, the table of states and what recovery decides are the product's. What is written
here is what an act changes, in pieces between which a mover may be killed or frozen: each piece is
one commit somewhere. Acts that change nothing that others see are left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sharding.moves.core.recovery import Journal, Place, Sight, Verdict, decide
from sharding.moves.core.states import ENDS, MoveState, may_become, may_turn
from sharding.moves.core.steps import Act, Mode, Route, Step, Way, steps_from
from sharding.schemas.types import Marker, Phase

S, A = MoveState, Act
ALPHA, BETA = "alpha", "beta"

BLOCK = Route()
LOGICAL = Route(Mode.LOGICAL, soaks=True)


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
    """What the servers hold.

    acked: writes whose commit somebody was told of. there, back: a stream from alpha to beta, and
    the other way. source: where the journal has the move come from.
    """

    alpha: Copy = Copy(Phase.ACTIVE, rows=0)
    beta: Copy = Copy(Phase.TOMBSTONE)
    there: bool = False
    back: bool = False
    place: str = ALPHA
    moving: bool = False
    lease: int = 0
    move: int = 0
    state: MoveState = S.ABORTED
    source: str = ALPHA
    turns: int = 0
    token: int = 0
    acked: int = 0

    @property
    def target(self) -> str:
        return other(self.source)


@dataclass(frozen=True)
class Checks:
    """The guards; each can be taken away, to see that something fails then."""

    on_shards: bool = True
    on_control: bool = True
    take_over: bool = True
    waits_for_stream: bool = True


class Refused(Exception):
    """Somebody with a newer token is at work: the mover ends."""


class NotYet(Exception):
    """It waits for something."""


Piece = Callable[["World", int, Checks], World]


def other(shard: str) -> str:
    return BETA if shard == ALPHA else ALPHA


def _shard(world: World, token: int, checks: Checks, shard: str, **changes: object) -> World:
    copy: Copy = getattr(world, shard)
    if checks.on_shards and copy.token > token:
        raise Refused(shard)
    token = max(copy.token, token)
    return replace(world, **{shard: replace(copy, token=token, **changes)})  # type: ignore[arg-type]


def _journal(world: World, token: int, checks: Checks, to: MoveState, **changes: object) -> World:
    if checks.on_control and world.token != token:
        raise Refused("control")
    if world.state is not to and not may_become(world.state, to):
        raise Refused(f"{world.state} to {to}")
    return replace(world, state=to, **changes)  # type: ignore[arg-type]


def _claim(*shards: str) -> Piece:
    def claim(world: World, token: int, checks: Checks) -> World:
        for shard in shards:
            world = _shard(world, token, checks, shard, move=world.move)
        return world

    return claim


def _sets(shard: str, **changes: object) -> Piece:
    return lambda world, token, checks: _shard(world, token, checks, shard, **changes)


def _copies(source: str, target: str) -> Piece:
    def copy(world: World, token: int, checks: Checks) -> World:
        if getattr(world, target).phase is not Phase.INCOMING:
            raise Refused(target)
        return _shard(world, token, checks, target, rows=getattr(world, source).rows)

    return copy


def _drain(source: str, target: str) -> Piece:
    def drain(world: World, token: int, checks: Checks) -> World:
        if getattr(world, target).phase is not Phase.INCOMING:
            raise Refused(target)
        if checks.waits_for_stream and getattr(world, target).rows != getattr(world, source).rows:
            raise NotYet
        return _shard(world, token, checks, target)

    return drain


def _follows(stream: str) -> Piece:
    def follow(world: World, token: int, checks: Checks) -> World:
        world = _shard(world, token, checks, ALPHA)
        return replace(_shard(world, token, checks, BETA), **{stream: True})

    return follow


def _unstream(shard: str) -> Piece:
    def unstream(world: World, token: int, checks: Checks) -> World:
        return replace(_shard(world, token, checks, shard), there=False, back=False)

    return unstream


def _await_target(target: str) -> Piece:
    def wait(world: World, token: int, checks: Checks) -> World:
        if getattr(world, target).writable:
            raise Refused(target)
        return _shard(world, token, checks, target, phase=Phase.INCOMING)

    return wait


def _look(source: str, target: str) -> Piece:
    def look(world: World, token: int, checks: Checks) -> World:
        here, there = getattr(world, source), getattr(world, target)
        held = (here.phase, there.phase) == (Phase.FENCED, Phase.INCOMING)
        if checks.on_shards and (not held or here.token > token or there.token > token):
            raise Refused("look")
        return world

    return look


def _switch(source: str, target: str) -> Piece:
    def switch(world: World, token: int, checks: Checks) -> World:
        if world.place != source or not world.moving:
            raise Refused("placement")
        return _journal(world, token, checks, S.SWITCHED, place=target)

    return switch


def _seal(shard: str) -> Piece:
    def seal(world: World, token: int, checks: Checks) -> World:
        if getattr(world, shard).phase is Phase.TOMBSTONE:
            return world
        return _shard(world, token, checks, shard, phase=Phase.SEALED)

    return seal


def _drop(shard: str) -> Piece:
    def drop(world: World, token: int, checks: Checks) -> World:
        if getattr(world, shard).writable or world.place == shard:
            raise Refused(shard)
        return _shard(world, token, checks, shard, phase=Phase.TOMBSTONE, rows=None)

    return drop


def _unfence(shard: str) -> Piece:
    def unfence(world: World, token: int, checks: Checks) -> World:
        if getattr(world, shard).phase is not Phase.FENCED:
            return world
        return _shard(world, token, checks, shard, phase=Phase.ACTIVE)

    return unfence


def _release_back(world: World, token: int, checks: Checks) -> World:
    if checks.on_control and world.token != token:
        raise Refused("control")
    to = world.state if world.state in (S.ABORTING, S.COPIED) else S.COPIED
    return _journal(world, token, checks, to, moving=False)


def _goes(to: MoveState, **changes: object) -> Piece:
    return lambda world, token, checks: _journal(world, token, checks, to, **changes)


def _turns(to: MoveState) -> Piece:
    def turn(world: World, token: int, checks: Checks) -> World:
        if checks.on_control and world.token != token:
            raise Refused("control")
        if not may_turn(world.state, to):
            raise Refused(f"{world.state} to {to}")
        return replace(world, state=to, source=world.target, turns=world.turns + 1)

    return turn


def _pieces(src: str, dst: str) -> Mapping[Act, tuple[Piece, ...]]:
    """What each act commits, of a mover that goes from `src` to `dst`."""
    return {
        A.CLAIM: (_claim(src, dst),),
        A.CLAIM_SOURCE: (_claim(src),),
        A.MAKE_TARGET: (_sets(dst, phase=Phase.INCOMING, rows=0),),
        A.COPY: (_copies(src, dst),),
        A.COPY_SNAPSHOT: (_copies(src, dst),),
        A.FOLLOW: (_follows("there"),),
        A.FOLLOW_BACK: (_follows("back"),),
        A.GATE: (_goes(S.GATED, moving=True),),
        A.FENCE: (_goes(S.FENCED), _sets(src, phase=Phase.FENCED)),
        A.COPY_CHANGES: (_copies(src, dst),),
        A.DRAIN: (_drain(src, dst),),
        A.LOOK: (_look(src, dst),),
        A.SWITCH: (_switch(src, dst),),
        A.OPEN: (_sets(dst, phase=Phase.ACTIVE),),
        A.RELEASE: (_goes(S.OPENED, moving=False),),
        A.SEAL_SOURCE: (_seal(src),),
        A.SOAK: (_goes(S.SOAKING),),
        # Here `src` and `dst` are in each other's places already.
        A.TURN: (_turns(S.COPIED),),
        A.AWAIT_TARGET: (_await_target(dst),),
        A.SOAK_ON: (_turns(S.SOAKING),),
        A.CLOSE_WAY_BACK: (_goes(S.FINISHING),),
        A.UNSTREAM_SOURCE: (_unstream(src),),
        A.UNSTREAM_TARGET: (_unstream(dst),),
        A.DROP_SOURCE: (_drop(src),),
        A.TURN_BACK: (_goes(S.ABORTING),),
        A.UNFENCE: (_unfence(src),),
        A.RELEASE_BACK: (_release_back,),
        A.DROP_TARGET: (_drop(dst),),
    }


_PIECES = {ALPHA: _pieces(ALPHA, BETA), BETA: _pieces(BETA, ALPHA)}

_WRITES_ITSELF = (
    A.GATE,
    A.FENCE,
    A.SWITCH,
    A.RELEASE,
    A.SOAK,
    A.TURN,
    A.SOAK_ON,
    A.CLOSE_WAY_BACK,
    A.TURN_BACK,
    A.RELEASE_BACK,
)


def pieces_of(steps: tuple[Step, ...], source: str) -> Iterator[Piece]:
    """What is committed, one after the other, by a mover that comes from `source`."""
    for step in steps:
        if step.act is A.TURN:
            source = other(source)
        yield from _PIECES[source].get(step.act, ())
        if step.reaches is not None and step.act not in _WRITES_ITSELF:
            yield _goes(step.reaches)


def arrivals(world: World) -> Iterator[World]:
    """What the streams may bring next."""
    here, there = world.alpha.rows, world.beta.rows
    if here is None or there is None:
        return
    if world.there and there < here:
        yield replace(world, beta=replace(world.beta, rows=there + 1))
    if world.back and here < there:
        yield replace(world, alpha=replace(world.alpha, rows=here + 1))


def route_of(world: World, route: Route) -> Route:
    """As a mover reads it in the journal."""
    return replace(route, turned=world.turns > 0)


def begin(world: World) -> tuple[World, int]:
    """Take the lease with a token that nobody had, and write down a move."""
    world, token = _taken(world)
    return replace(world, move=world.move + 1, state=S.PLANNED, source=world.place, turns=0), token


def take(world: World) -> tuple[World, int]:
    """Take the lease of a move that soaks."""
    return _taken(world)


def _taken(world: World) -> tuple[World, int]:
    token = max(world.lease, world.alpha.token, world.beta.token) + 1
    return replace(world, lease=token, token=token), token


def recover(world: World, checks: Checks) -> tuple[World, int, Verdict]:
    """Take the lease, shut older movers out, and decide."""
    world, token = _taken(world)
    if checks.take_over:
        world = _claim(ALPHA, BETA)(world, token, checks)
    said = Journal(world.move, world.state, world.source, world.target)
    sights = [_seen(getattr(world, shard)) for shard in (world.source, world.target)]
    ruling = decide(said, *sights, Place(world.place, 1))
    return world, token, ruling.verdict


def _seen(copy: Copy) -> Sight:
    marker = Marker("t", copy.phase, 1, copy.move, copy.token, None, None, None, None)
    return Sight(answers=True, marker=marker)


def program(world: World, verdict: Verdict, route: Route = BLOCK) -> tuple[Step, ...]:
    """What recovery then does."""
    route = route_of(world, route)
    if verdict is Verdict.FORWARD:
        return steps_from(world.state, Way.FORWARD, route)
    if verdict is Verdict.BACK:
        return steps_from(world.state, Way.BACK, route)
    assert verdict is Verdict.NOTHING, f"{verdict}: {world}"
    assert world.state in ENDS
    return ()


def wrong_with(world: World) -> str:
    """What must never be, if it is."""
    if world.alpha.writable and world.beta.writable:
        return "two copies accept writes"
    for copy in (world.alpha, world.beta):
        if copy.writable and copy.rows != world.acked:
            return "the copy that accepts writes lacks one that was acknowledged"
    home = world.alpha if world.place == ALPHA else world.beta
    if home.rows is None:
        return "the tenant's place has no copy"
    if world.state is S.SOAKING and not (world.there and world.back):
        return "it soaks without a way back"
    return ""
