"""Run a plan: wave after wave, shards at once, in batches, within an error budget."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from migrations_tools.fleet.connecting import LaneConnections
from migrations_tools.fleet.journal import Journal, StepEnd
from migrations_tools.fleet.progress import Progress
from migrations_tools.fleet.routes import Route
from migrations_tools.fleet.states import StepState
from migrations_tools.fleet.stepping import BEGUN, WAIT_BETWEEN_ROUNDS, Lane, ShardLost
from migrations_tools.fleet.types import CANARY, GroupKey, Member, Wave
from sharding import scope
from sharding.registry.current import registry

LARGEST_BATCH: Final = 25
"""Schemas whose leases and intents are written at once. A stopped run gives back as many."""
MOST_LANES: Final = 40


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and how much may go wrong.

    Attributes:
        lanes: connections per shard.
        budget: how many schemas may fail.
        pause_s: between waves.
    """

    lanes: int = 2
    budget: int = 10
    pause_s: float = 0.0


@dataclass(slots=True)
class Runner:
    """Takes the waves of a plan one after the other. Used once.

    Attributes:
        begun_before: tenants whose last step was not whole. Only Django's executor knows what is
            missing: what comes after the last migration may be.
        stop: set it to have every lane end with the schema that it is at.
        ends: what became of each schema so far.
        stopped: why the run ended before its last wave; empty while it did not.
    """

    journal: Journal
    routes: Mapping[GroupKey, Route]
    pace: Pace
    progress: Progress
    tell: Callable[[str], None]
    begun_before: Collection[str] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    ends: dict[str, StepEnd] = field(default_factory=dict)
    stopped: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _lost: dict[str, str] = field(default_factory=dict)
    _lent: LaneConnections = field(default_factory=LaneConnections)

    def run(self, waves: Sequence[Wave]) -> None:
        """Take each wave; stop before the next when too much went wrong.

        Raises:
            psycopg.Error: control is gone; what was begun is seen on the shards.
        """
        with self._lent:
            for number, wave in enumerate(waves):
                if number and self.pace.pause_s:
                    self.stop.wait(self.pace.pause_s)
                if self.stop.is_set():
                    return
                self.progress.begin_wave(wave.name, len(wave.members))
                self._take(wave, self._round(wave, wave.members))
                if wave.name == CANARY and (bad := self._not_done(wave)):
                    self._halt(
                        f"the canary {bad.tenant_id} on {bad.shard} is not migrated: {bad.said}"
                    )

    def count(self, state: StepState) -> int:
        """How many schemas ended so."""
        return sum(end.state is state for end in self.ends.values())

    def _take(self, wave: Wave, put_off: list[Member]) -> None:
        """Once more for those that somebody stood in the way of, when the others are through."""
        again = [one for one in put_off if one.shard not in self._lost]
        if again and not self.stop.wait(WAIT_BETWEEN_ROUNDS.total_seconds()):
            self._round(wave, again)

    def _round(self, wave: Wave, members: Sequence[Member]) -> list[Member]:
        queues: dict[str, deque[Member]] = defaultdict(deque)
        for member in members:
            queues[member.shard].append(member)
        lanes = [
            (shard, queue)
            for shard, queue in queues.items()
            for _ in range(min(self.pace.lanes, len(queue)))
        ]
        put_off: list[Member] = []
        with ThreadPoolExecutor(max_workers=min(len(lanes), MOST_LANES)) as pool:
            tasks = [pool.submit(self._lane, wave, *lane, put_off) for lane in lanes]
            for task in tasks:
                try:
                    task.result()
                except BaseException:
                    self.stop.set()
                    raise
        return put_off

    def _lane(self, wave: Wave, shard: str, queue: deque[Member], put_off: list[Member]) -> None:
        size = max(1, min(LARGEST_BATCH, len(queue) // (self.pace.lanes * 2)))
        with Lane(registry().shards[shard], self._lent, self.tell) as lane:
            while batch := self._next(queue, size):
                put_off += self._batch(wave, lane, batch)

    def _next(self, queue: deque[Member], size: int) -> list[Member]:
        batch: list[Member] = []
        while len(batch) < size and not self.stop.is_set():
            try:
                batch.append(queue.popleft())
            except IndexError:
                break
        return batch

    def _batch(self, wave: Wave, lane: Lane, batch: list[Member]) -> list[Member]:
        shard = lane.server.name
        if shard in self._lost:
            self._note_untaken(wave, batch, f"its shard went away: {self._lost[shard]}")
            return []
        taken = self.journal.take(shard, wave.name, [one.tenant_id for one in batch])
        untaken = [one for one in batch if one.tenant_id not in taken]
        self._note_untaken(wave, untaken, "somebody else holds its lease, or it moved just now")
        put_off = untaken
        ends: list[StepEnd] = []
        try:
            for member in batch:
                place = taken.get(member.tenant_id)
                if place is not None:
                    ends.append(self._step(lane, place, member))
                    if ends[-1].state is StepState.PUT_OFF:
                        put_off.append(member)
            ends = self._made_durable(lane, ends)
        finally:
            # Whatever happened to the others, what is done is written down and given back.
            through = {end.tenant_id for end in ends}
            ends += [
                StepEnd(one, shard, StepState.PUT_OFF, said="the run ended before its turn")
                for one in taken
                if one not in through
            ]
            self._end(ends)
        return put_off

    def _made_durable(self, lane: Lane, ends: list[StepEnd]) -> list[StepEnd]:
        """Called done is only what survives a crash of the shard."""
        try:
            lane.make_durable()
        except ShardLost as error:
            self._lose(lane, error)
            return [
                self._gone(end, way=end.way) if end.state is StepState.DONE else end for end in ends
            ]
        return ends

    def _step(self, lane: Lane, place: scope.Placement, member: Member) -> StepEnd:
        shard = lane.server.name
        if self.stop.is_set():
            return StepEnd(place.tenant_id, shard, StepState.PUT_OFF, said="the run was stopped")
        if shard in self._lost:
            return self._gone(place)
        try:
            end = lane.step(place, self._route(member))
        except ShardLost as error:
            self._lose(lane, error)
            end = self._gone(place, way=BEGUN if error.begun else "")
        if end.state is StepState.FAILED:
            self.tell(f"{place.tenant_id} on {shard} failed: {end.said}")
        self._count(end)
        return end

    def _lose(self, lane: Lane, error: ShardLost) -> None:
        self._lost[lane.server.name] = error.reason
        self.tell(f"shard {lane.server.name} went away: {error.reason}")

    def _gone(self, one: scope.Placement | StepEnd, *, way: str = "") -> StepEnd:
        said = f"its shard went away: {self._lost[one.shard]}"
        return StepEnd(one.tenant_id, one.shard, StepState.PUT_OFF, way=way, said=said)

    def _route(self, member: Member) -> Route:
        assert member.key is not None, "only what a shard has said is behind"
        route = self.routes[member.key]
        return replace(route, recording=None) if member.tenant_id in self.begun_before else route

    def _count(self, end: StepEnd) -> None:
        with self._lock:
            self.ends[end.tenant_id] = end
            failed = self.count(StepState.FAILED) if end.state is StepState.FAILED else 0
        self.progress.add(end.tenant_id, end.state)
        if failed > self.pace.budget:
            self._halt(f"{failed} schemas failed, and the error budget is {self.pace.budget}.")

    def _end(self, ends: list[StepEnd]) -> None:
        self.journal.end(ends)
        with self._lock:
            self.ends.update({end.tenant_id: end for end in ends})

    def _note_untaken(self, wave: Wave, members: Sequence[Member], said: str) -> None:
        ends = [StepEnd(one.tenant_id, one.shard, StepState.PUT_OFF, said=said) for one in members]
        self.journal.note_untaken(ends, wave.name)
        with self._lock:
            self.ends.update({end.tenant_id: end for end in ends})

    def _not_done(self, wave: Wave) -> StepEnd | None:
        ends = (self.ends.get(one.tenant_id) for one in wave.members)
        return next((end for end in ends if end and end.state is not StepState.DONE), None)

    def _halt(self, why: str) -> None:
        with self._lock:
            self.stopped = self.stopped or why
        self.stop.set()
