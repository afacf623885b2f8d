"""Moves as control knows them. No shard is asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from sharding.moves.core.states import ENDS, WANT_A_MOVER, MoveState
from sharding.moves.models import CONTROL, Move, MoveDebt, MoveEvent
from sharding.moves.services.journal import find
from sharding.placements.models import Placement

Slugs = Callable[[Iterable[str]], dict[str, str]]
"""What layers above call these tenants."""


@dataclass(frozen=True, slots=True)
class MoveLine:
    """One move in a list.

    Attributes:
        tenant: its slug, or its id where it is gone.
        mover: who works on it; empty: nobody does, and it waits to be gone on with.
        pause_ms: how long writes paused; None before that.
        owed: what is still to be taken away.
    """

    move_id: int
    tenant_id: str
    tenant: str
    source: str
    target: str
    mode: str
    state: str
    mover: str
    pause_ms: float | None
    soak_ends_at: str
    verified: str
    owed: tuple[str, ...]
    last_error: str
    started_at: str
    ended_at: str

    @property
    def is_stuck(self) -> bool:
        """It should go on, and nobody works on it."""
        return MoveState(self.state).wants_a_mover and not self.mover

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"owed": list(self.owed), "stuck": self.is_stuck}


@dataclass(frozen=True, slots=True)
class MoveDetails:
    """One move and what happened in it, in order: when, which step, what was said, facts."""

    line: MoveLine
    asked: dict[str, Any]
    result: dict[str, Any]
    events: tuple[tuple[str, str, str, dict[str, Any]], ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **self.line.to_json(),
            "asked": self.asked,
            "result": self.result,
            "events": [
                {"at": at, "step": step, "said": said, "facts": facts}
                for at, step, said, facts in self.events
            ],
        }


def all_moves(*, tenant_id: str = "", live: bool = False, slugs: Slugs) -> list[MoveLine]:
    """All moves, the newest first; only those of one tenant, or that can go on, if told."""
    moves = Move.objects.using(CONTROL).order_by("-pk")
    if tenant_id:
        moves = moves.filter(tenant_id=tenant_id)
    if live:
        moves = moves.exclude(state__in=sorted(ENDS))
    return _lines(list(moves), slugs)


def details_of(name: str, *, slugs: Slugs) -> MoveDetails:
    """One move, by number or tenant id.

    Raises:
        NoSuchMove: there is none.
    """
    move = find(name)
    events = MoveEvent.objects.using(CONTROL).filter(move=move)
    return MoveDetails(
        line=_lines([move], slugs)[0],
        asked=move.asked,
        result=move.result,
        events=tuple((_told(e.at), e.step, e.said, e.facts) for e in events),
    )


def stuck_moves() -> list[Move]:
    """Those that should go on and on which nobody works, the oldest first."""
    under_way = Move.objects.using(CONTROL).filter(state__in=sorted(WANT_A_MOVER)).order_by("pk")
    movers = _movers(under_way)
    return [move for move in under_way if not movers[move.pk]]


def debts_by_move(moves: Iterable[Move]) -> dict[int, list[MoveDebt]]:
    """What these moves still owe, by number; one that owes nothing is left out."""
    owed: dict[int, list[MoveDebt]] = {}
    for debt in MoveDebt.objects.using(CONTROL).filter(move__in=moves, settled_at=None):
        owed.setdefault(debt.move_id, []).append(debt)
    return owed


def _lines(moves: list[Move], slugs: Slugs) -> list[MoveLine]:
    named = slugs({move.tenant_id for move in moves})
    movers = _movers(moves)
    owed = debts_by_move(moves)
    return [
        MoveLine(
            move_id=move.pk,
            tenant_id=move.tenant_id,
            tenant=named.get(move.tenant_id, move.tenant_id),
            source=move.source,
            target=move.target,
            mode=move.mode,
            state=move.state,
            mover=movers[move.pk],
            pause_ms=move.result.get("pause_ms", {}).get("total"),
            soak_ends_at=(_told(move.soak_ends_at) if move.state == MoveState.SOAKING else ""),
            verified=move.result.get("verified", ""),
            owed=tuple(str(debt) for debt in owed.get(move.pk, ())),
            last_error=move.last_error,
            started_at=_told(move.started_at),
            ended_at=_told(move.ended_at),
        )
        for move in moves
    ]


def _movers(moves: Iterable[Move]) -> dict[int, str]:
    """By number of a move: who works on it now, by control's clock; empty: nobody does."""
    held = Placement.objects.using(CONTROL).filter(
        tenant_id__in=[move.tenant_id for move in moves], lease_until__gte=Now()
    )
    holders = dict(held.values_list("tenant_id", "lease_holder"))
    return {
        move.pk: move.mover if holders.get(move.tenant_id) == move.mover else "" for move in moves
    }


def _told(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="milliseconds")
