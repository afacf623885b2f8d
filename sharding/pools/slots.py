"""Slots: how many requests may be at one shard, and of one tenant, at a time in this process.

A request takes its slot before it asks its shard for anything, and gives it back when its response
was sent. Who gets none is refused at once: a thread that waited for a slot would be lost to the
tenants of all other shards, and that is what slots are there to prevent.

Plain data and a lock; knows of no server, and of a tenant only that it is another one's text.

Source: docs/adr/0018.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Refused(StrEnum):
    """Why there is no slot now."""

    SHARD_AWAY = "shard_away"
    """The shard's breaker is open: whoever came in would only wait."""

    SHARD_BUSY = "shard_busy"
    """The shard has all that it may have; or, where it may be hung, all hung ones together have."""

    TENANT_BUSY = "tenant_busy"
    """The tenant has all that it may have."""


class Doubt(StrEnum):
    """What is thought of a shard's server."""

    NONE = "none"
    """It answers."""

    SUSPECTED = "suspected"
    """It was silent a moment ago; whether it is away is being found out."""

    AWAY = "away"
    """It does not answer, or an operator said so."""


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How many slots there are. 0: without a limit.

    Attributes:
        shard: of each shard.
        doubtful: of all shards together that are suspected or away.
    """

    shard: int
    doubtful: int


class Slot:
    """One request's place at its shard; given back once, whoever does it and however often.

    One that nobody gives back is given back when Python forgets it: a response whose body no
    server ever closed.
    """

    __slots__ = ("_place", "_slots")

    def __init__(self, slots: "Slots", place: "_Place") -> None:
        self._slots = slots
        self._place: _Place | None = place

    def give_back(self) -> None:
        """Let somebody else have it."""
        self._slots._give_back(self)

    def __del__(self) -> None:
        # Comes anywhere, also where this thread holds the lock: none is taken here.
        if self._place is not None:
            self._slots._lost.append(self._place)


_Place = tuple[str, str]
"""Shard and tenant, the latter empty for who has none."""


class Slots:
    """The slots of one process.

    Remembers those shards and tenants only that have requests now.
    """

    def __init__(self, doubt_of: Callable[[str], Doubt]) -> None:
        """`doubt_of` tells what is thought of a shard; it must not block."""
        self._doubt_of = doubt_of
        self._lock = threading.Lock()
        self._at: dict[str, int] = {}
        self._of: dict[str, int] = {}
        self._refusals: dict[tuple[str, Refused], int] = {}
        self._lost: deque[_Place] = deque()

    def take(
        self,
        shard: str,
        limits: SlotLimits,
        *,
        tenant: str = "",
        most: int = 0,
        even_if_away: bool = False,
    ) -> Slot | Refused:
        """A slot of `shard`, and of `tenant` if one is named, or why there is none.

        `most`: of this tenant; 0: without a limit. `even_if_away`: for who can do something without
        that server. Never waits.
        """
        doubt = self._doubt_of(shard)
        with self._lock:
            if self._lost:
                self._find_lost()
            refused = (
                Refused.SHARD_AWAY
                if doubt is Doubt.AWAY and not even_if_away
                else self._refusal(shard, doubt, limits, tenant, most)
            )
            if refused is not None:
                self._refusals[shard, refused] = self._refusals.get((shard, refused), 0) + 1
                return refused
            self._at[shard] = self._at.get(shard, 0) + 1
            if tenant:
                self._of[tenant] = self._of.get(tenant, 0) + 1
        return Slot(self, (shard, tenant))

    def in_use(self) -> dict[str, int]:
        """Slots that are taken now, by shard; a shard without any may be missing."""
        with self._lock:
            self._find_lost()
            return dict(self._at)

    def of_tenant(self, tenant: str) -> int:
        """Slots that this tenant has now."""
        with self._lock:
            self._find_lost()
            return self._of.get(tenant, 0)

    def refusals(self) -> dict[tuple[str, Refused], int]:
        """How often somebody got none, by shard and reason, since this process began."""
        with self._lock:
            return dict(self._refusals)

    def remembered(self) -> int:
        """For how many shards and tenants anything is kept now."""
        with self._lock:
            self._find_lost()
            return len(self._at) + len(self._of)

    def _refusal(
        self, shard: str, doubt: Doubt, limits: SlotLimits, tenant: str, most: int
    ) -> Refused | None:
        # The tenant first: who has too much himself is told so, whatever else is full.
        if tenant and most and self._of.get(tenant, 0) >= most:
            return Refused.TENANT_BUSY
        if limits.shard and self._at.get(shard, 0) >= limits.shard:
            return Refused.SHARD_BUSY
        # Shards that hang at the same time: each has slots of its own, the threads are the same.
        in_doubt = limits.doubtful and doubt is not Doubt.NONE
        if in_doubt and sum(self._doubtful()) >= limits.doubtful:
            return Refused.SHARD_BUSY
        return None

    def _doubtful(self) -> Iterator[int]:
        for shard, taken in self._at.items():
            if self._doubt_of(shard) is not Doubt.NONE:
                yield taken

    def _give_back(self, slot: Slot) -> None:
        with self._lock:
            place, slot._place = slot._place, None
            if place is not None:
                self._drop(place)

    def _find_lost(self) -> None:
        while self._lost:
            self._drop(self._lost.popleft())

    def _drop(self, place: _Place) -> None:
        shard, tenant = place
        _one_less(self._at, shard)
        if tenant:
            _one_less(self._of, tenant)


def _one_less(counts: dict[str, int], name: str) -> None:
    left = counts[name] - 1
    if left:
        counts[name] = left
    else:
        del counts[name]


LEFT_TO_OTHERS: Final = 3
"""Threads that shards in trouble never have: what the tenants of all others are served by."""


def spare_threads(threads: int) -> int:
    """How many of `threads` one shard may have, and all doubtful ones together."""
    return max(1, threads - LEFT_TO_OTHERS)


def tenants_share(shard: int) -> int:
    """How many of a shard's slots one tenant may have, where nothing else is said: half."""
    return (shard + 1) // 2
