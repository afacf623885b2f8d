"""Every order in which movers, a second mover and the application can meet, tried out.

A mover may be frozen anywhere and go on later, when another one has ended its move, and has begun
the next. See `world.py` for what is tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

from sharding.moves.core.recovery import Verdict
from sharding.moves.core.states import ENDS, PAUSING, MoveState
from sharding.moves.core.steps import Way, steps_from
from tests.unit.moves.world import (
    SOURCE,
    Checks,
    Piece,
    Refused,
    World,
    begin,
    pieces_of,
    program,
    recover,
    wrong_with,
)

WRITES = 2
MOVES = 2
MOVERS = 4
"""In all, one after the other; two at a time."""


Plan = tuple[tuple[MoveState, Way], ...]
FORWARD: Plan = ((MoveState.PLANNED, Way.FORWARD),)


@dataclass(frozen=True)
class Mover:
    """One that is at work: what it does, how far it is, how often it may think better of it."""

    token: int
    plan: Plan
    at: int = 0
    whims: int = 0


@dataclass(frozen=True)
class Moment:
    """The world, and whoever is at work in it: the first may have been frozen."""

    world: World
    movers: tuple[Mover, ...]


@cache
def pieces(plan: Plan) -> tuple[Piece, ...]:
    """What a mover commits, one after the other."""
    return tuple(piece for state, way in plan for piece in pieces_of(steps_from(state, way)))


def next_moments(moment: Moment, checks: Checks) -> Iterator[Moment]:
    yield from _writes(moment)
    for number, mover in enumerate(moment.movers):
        for world, changed in _steps_of(moment.world, mover, checks):
            others = list(moment.movers)
            others[number : number + 1] = [changed] if changed is not None else []
            yield Moment(world, tuple(others))
    yield from _recoveries(moment, checks)


def _writes(moment: Moment) -> Iterator[Moment]:
    """The application writes wherever it is let: stale processes too."""
    world = moment.world
    for side in ("source", "target"):
        copy = getattr(world, side)
        if copy.writable and world.acked < WRITES:
            written = {side: replace(copy, rows=copy.rows + 1), "acked": world.acked + 1}
            yield Moment(replace(world, **written), moment.movers)


def _steps_of(world: World, mover: Mover, checks: Checks) -> Iterator[tuple[World, Mover | None]]:
    ahead = pieces(mover.plan)
    if mover.at == len(ahead):
        yield world, None
        return
    try:
        yield ahead[mover.at](world, mover.token, checks), replace(mover, at=mover.at + 1)
    except Refused:
        yield world, None
    if mover.whims and world.token == mover.token and not world.state.is_past_no_return:
        # It thinks better of it: the pause takes too long, or something fails.
        calm = replace(mover, whims=mover.whims - 1, at=0)
        if world.state in PAUSING:
            again = (world.state, Way.ANEW), (MoveState.COPIED, Way.FORWARD)
            yield world, replace(calm, plan=again)
        if world.state.is_live:
            yield world, replace(calm, plan=((MoveState.ABORTING, Way.BACK),))


def _recoveries(moment: Moment, checks: Checks) -> Iterator[Moment]:
    """Somebody believes that the mover is dead, rightly or not, or moves the tenant anew."""
    world = moment.world
    if len(moment.movers) > 1 or world.lease >= MOVERS:
        return
    if world.state.is_live:
        world, token, verdict = recover(world, checks)
        plan: Plan = ((MoveState.ABORTING, Way.BACK),)
        if verdict is Verdict.FORWARD:
            plan = ((world.state, Way.FORWARD),)
        if verdict in (Verdict.FORWARD, Verdict.BACK):
            yield Moment(world, (*moment.movers, Mover(token, plan)))
    elif world.place == SOURCE and world.move < MOVES:
        world, token = begin(world)
        yield Moment(world, (*moment.movers, Mover(token, FORWARD)))


def explore(checks: Checks) -> tuple[int, str]:
    """How many moments there are, and what is wrong in the first one in which something is."""
    world, token = begin(World())
    first = Moment(world, (Mover(token, FORWARD, whims=1),))
    seen, ahead = {first}, [first]
    while ahead:
        moment = ahead.pop()
        if wrong := wrong_with(moment.world):
            return len(seen), wrong
        for later in next_moments(moment, checks):
            if later not in seen:
                seen.add(later)
                ahead.append(later)
    return len(seen), ""


def test_nothing_that_movers_and_writers_can_do_makes_two_writers_or_loses_a_write():
    moments, wrong = explore(Checks())
    assert wrong == ""
    assert moments > 10_000, "so few orders would prove little"


@pytest.mark.parametrize(
    "checks",
    [Checks(on_control=False, on_shards=False), Checks(on_shards=False)],
    ids=["no tokens at all", "none on the shards"],
)
def test_without_tokens_the_same_search_finds_what_goes_wrong(checks):
    _, wrong = explore(checks)
    assert wrong


def test_every_move_that_nobody_disturbs_ends():
    """From every prefix of a move, and of its recovery: kill -9, then kill -9 again."""
    for state_after, world in _prefixes():
        for again in _prefixes_of_recovery(world):
            ended, token, verdict = recover(again, Checks())
            for piece in pieces_of(program(ended, verdict)):
                ended = piece(ended, token, Checks())
            assert ended.state in ENDS, state_after
            assert wrong_with(ended) == ""
            assert not ended.moving
            home, other = (
                (ended.source, ended.target)
                if ended.place == SOURCE
                else (ended.target, ended.source)
            )
            assert home.writable
            assert other.rows is None, "nothing is left where the tenant is not"


def _prefixes() -> Iterator[tuple[int, World]]:
    world, token = begin(World())
    yield 0, world
    for number, piece in enumerate(pieces(FORWARD)):
        world = piece(world, token, Checks())
        yield number, world


def _prefixes_of_recovery(world: World) -> Iterator[World]:
    yield world
    world, token, verdict = recover(world, Checks())
    yield world
    for piece in pieces_of(program(world, verdict)):
        world = piece(world, token, Checks())
        yield world
