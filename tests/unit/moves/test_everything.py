"""Every order in which movers, a second mover and the application can meet, tried out.

A mover may be frozen anywhere and go on later, when another one has ended its move, and has begun
the next, or has turned it. See `world.py` for what is tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

from sharding.moves.core.recovery import Verdict
from sharding.moves.core.states import ENDS, PAUSING, MoveState
from sharding.moves.core.steps import Mode, Route, Way, steps_from
from tests.unit.moves.world import (
    ALPHA,
    BLOCK,
    LOGICAL,
    Checks,
    NotYet,
    Piece,
    Refused,
    World,
    arrivals,
    begin,
    pieces_of,
    program,
    recover,
    route_of,
    take,
    wrong_with,
)

WRITES = 2

Plan = tuple[tuple[MoveState, Way], ...]
FORWARD: Plan = ((MoveState.PLANNED, Way.FORWARD),)
BACK: Plan = ((MoveState.ABORTING, Way.BACK),)
TURN: Plan = ((MoveState.SOAKING, Way.TURN), (MoveState.COPIED, Way.FORWARD))
FINISH: Plan = ((MoveState.SOAKING, Way.FINISH),)


@dataclass(frozen=True)
class Bounds:
    """How much is tried.

    movers: in all, one after the other; two at a time.
    """

    route: Route
    moves: int
    movers: int
    turns: int = 0


QUICK = [Bounds(BLOCK, moves=2, movers=4), Bounds(LOGICAL, moves=1, movers=3, turns=1)]
THOROUGH = Bounds(LOGICAL, moves=1, movers=4, turns=2)


@dataclass(frozen=True)
class Mover:
    """One that is at work: what it does, how far it is, how often it may think better of it.

    source: where it believes to come from, and route: how it goes, as its journal was.
    """

    token: int
    plan: Plan
    source: str
    route: Route
    at: int = 0
    whims: int = 0


@dataclass(frozen=True)
class Moment:
    """The world, and whoever is at work in it: the first may have been frozen."""

    world: World
    movers: tuple[Mover, ...]


@cache
def pieces(plan: Plan, source: str, route: Route) -> tuple[Piece, ...]:
    """What a mover commits, one after the other."""
    steps = tuple(step for state, way in plan for step in steps_from(state, way, route))
    return tuple(pieces_of(steps, source))


def next_moments(moment: Moment, bounds: Bounds, checks: Checks) -> Iterator[Moment]:
    yield from _writes(moment)
    for world in arrivals(moment.world):
        yield Moment(world, moment.movers)
    for number, mover in enumerate(moment.movers):
        for world, changed in _steps_of(moment.world, mover, checks):
            others = list(moment.movers)
            others[number : number + 1] = [changed] if changed is not None else []
            yield Moment(world, tuple(others))
    yield from _newcomers(moment, bounds, checks)


def _writes(moment: Moment) -> Iterator[Moment]:
    """The application writes wherever it is let: stale processes too."""
    world = moment.world
    for shard in ("alpha", "beta"):
        copy = getattr(world, shard)
        if copy.writable and world.acked < WRITES:
            written = {shard: replace(copy, rows=copy.rows + 1), "acked": world.acked + 1}
            yield Moment(replace(world, **written), moment.movers)


def _steps_of(world: World, mover: Mover, checks: Checks) -> Iterator[tuple[World, Mover | None]]:
    ahead = pieces(mover.plan, mover.source, mover.route)
    if mover.at == len(ahead):
        yield world, None
        return
    try:
        yield ahead[mover.at](world, mover.token, checks), replace(mover, at=mover.at + 1)
    except NotYet:
        pass
    except Refused:
        yield world, None
    if mover.whims and world.token == mover.token and not world.state.is_past_no_return:
        # It thinks better of it: the pause takes too long, or something fails.
        route = route_of(world, mover.route)
        calm = replace(mover, whims=mover.whims - 1, at=0, source=world.source, route=route)
        if world.state in PAUSING:
            again = (world.state, Way.ANEW), (MoveState.COPIED, Way.FORWARD)
            yield world, replace(calm, plan=again)
        if world.state.is_live:
            back = (world.state, Way.BACK) if route.turned else BACK[0]
            yield world, replace(calm, plan=(back,))


def _newcomers(moment: Moment, bounds: Bounds, checks: Checks) -> Iterator[Moment]:
    """Somebody believes that the mover is dead, rightly or not; or begins, turns, finishes."""
    world = moment.world
    if len(moment.movers) > 1 or world.lease >= bounds.movers:
        return
    plans: list[Plan] = []
    if world.state is MoveState.SOAKING:
        world, token = take(world)
        plans = [FINISH, *([TURN] if world.turns < bounds.turns else [])]
    elif world.state.is_live:
        world, token, verdict = recover(world, checks)
        if verdict in (Verdict.FORWARD, Verdict.BACK):
            way = Way.FORWARD if verdict is Verdict.FORWARD else Way.BACK
            plans = [((world.state, way),)]
    elif world.place == ALPHA and world.move < bounds.moves:
        world, token = begin(world)
        plans = [FORWARD]
    for plan in plans:
        newcomer = Mover(token, plan, world.source, route_of(world, bounds.route))
        yield Moment(world, (*moment.movers, newcomer))


def explore(bounds: Bounds, checks: Checks) -> tuple[int, str, set[MoveState]]:
    """How many moments there are, what is wrong in the first that is, and the states seen."""
    world, token = begin(World())
    first = Moment(world, (Mover(token, FORWARD, ALPHA, bounds.route, whims=1),))
    seen, ahead = {first}, [first]
    while ahead:
        moment = ahead.pop()
        if wrong := wrong_with(moment.world):
            return len(seen), wrong, set()
        for later in next_moments(moment, bounds, checks):
            if later not in seen:
                seen.add(later)
                ahead.append(later)
    return len(seen), "", {moment.world.state for moment in seen}


MODES = [mode.value for mode in Mode]


@pytest.mark.parametrize("bounds", QUICK, ids=MODES)
def test_nothing_that_movers_and_writers_can_do_makes_two_writers_or_loses_a_write(bounds):
    moments, wrong, states = explore(bounds, Checks())
    assert wrong == ""
    assert moments > 10_000, "so few orders would prove little"
    soaks = {MoveState.SOAKING, MoveState.FINISHING}
    assert states == set(MoveState) - (soaks if bounds.route.mode is Mode.BLOCK else set())


@pytest.mark.slow
def test_nor_when_it_turns_twice_and_somebody_was_frozen_meanwhile():
    moments, wrong, _ = explore(THOROUGH, Checks())
    assert wrong == ""
    assert moments > 20_000, "so few orders would prove little"


@pytest.mark.parametrize("bounds", QUICK, ids=MODES)
@pytest.mark.parametrize(
    "checks",
    [Checks(on_control=False, on_shards=False), Checks(on_shards=False)],
    ids=["no tokens at all", "none on the shards"],
)
def test_without_tokens_the_same_search_finds_what_goes_wrong(bounds, checks):
    assert explore(bounds, checks)[1]


def test_a_mover_that_does_not_wait_for_the_stream_loses_a_write_and_the_search_finds_it():
    _, wrong, _ = explore(QUICK[1], Checks(waits_for_stream=False))
    assert "lacks one that was acknowledged" in wrong


@pytest.mark.parametrize("route", [BLOCK, LOGICAL], ids=MODES)
def test_every_move_that_nobody_disturbs_ends(route):
    """From every prefix of a move, and of its recovery: kill -9, then kill -9 again."""
    for state_after, world in _prefixes(FORWARD, *begin(World()), route):
        for again in _prefixes_of_recovery(world, route):
            ended, token, verdict = recover(again, Checks())
            ended = _run(ended, token, program(ended, verdict, route))
            if ended.state is MoveState.SOAKING:
                ended, token = take(ended)
                finish = steps_from(MoveState.SOAKING, Way.FINISH, route_of(ended, route))
                ended = _run(ended, token, finish)
            assert ended.state in ENDS, state_after
            _check_that_it_ended_well(ended)


def test_every_turn_that_is_cut_off_soaks_again_on_the_one_side_or_the_other():
    there, token = begin(World())
    soaking = _run(there, token, steps_from(MoveState.PLANNED, Way.FORWARD, LOGICAL))
    assert soaking.state is MoveState.SOAKING
    for state_after, world in _prefixes(TURN, *take(soaking), LOGICAL):
        for again in _prefixes_of_recovery(world, LOGICAL):
            ended, token, verdict = recover(again, Checks())
            ended = _run(ended, token, program(ended, verdict, LOGICAL))
            assert ended.state is MoveState.SOAKING, state_after
            assert ended.place == ended.target
            assert wrong_with(ended) == ""
            ended, token = take(ended)
            finish = steps_from(MoveState.SOAKING, Way.FINISH, route_of(ended, LOGICAL))
            _check_that_it_ended_well(_run(ended, token, finish))


def _check_that_it_ended_well(ended: World) -> None:
    assert wrong_with(ended) == ""
    assert not ended.moving
    home, rest = (ended.alpha, ended.beta) if ended.place == ALPHA else (ended.beta, ended.alpha)
    assert home.writable
    assert rest.rows is None, "nothing is left where the tenant is not"
    assert (ended.there, ended.back) == (False, False), "no stream is left"


def _run(world: World, token: int, steps) -> World:
    for piece in pieces_of(steps, world.source):
        world = piece(world, token, Checks())
    return world


def _prefixes(plan: Plan, world: World, token: int, route: Route) -> Iterator[tuple[int, World]]:
    yield 0, world
    for number, piece in enumerate(pieces(plan, world.source, route_of(world, route))):
        world = piece(world, token, Checks())
        yield number, world


def _prefixes_of_recovery(world: World, route: Route) -> Iterator[World]:
    yield world
    world, token, verdict = recover(world, Checks())
    yield world
    for piece in pieces_of(program(world, verdict, route), world.source):
        world = piece(world, token, Checks())
        yield world
