"""Which rows of one table get which ids. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM


@dataclass(frozen=True, slots=True)
class Held:
    """A row as it is.

    Attributes:
        wanted: the id that control has for its name; None where it knows no such name.
    """

    id: int
    wanted: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """One id in the place of another."""

    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Steps one after the other; within one step no id is both left and taken."""

    steps: tuple[tuple[Move, ...], ...]
    final: dict[int, int]
    """Every id that is left, and the one in its place at the end."""

    @property
    def count(self) -> int:
        """How many rows get another id."""
        return len(self.final)


def plan_moves(held: Sequence[Held], fresh: Callable[[], int]) -> Moves:
    """Bring each row to the id that control has for it; `fresh` makes local ids.

    Where control does not know the name: out of the stock range, and out of a place that is
    another's. Ranges are disjoint, so that one step nearly always does; ids that change places
    among each other would collide in unique indexes on the way, and make a stop at a local one.
    """
    owners = _owners(held)
    places = set(owners.values())
    final = {}
    for row in held:
        target = owners.get(row.id)
        if target is None and (row.id < GLOBAL_FROM or row.id in places):
            target = fresh()
        if target is not None and target != row.id:
            final[row.id] = target
    in_the_way = final.keys() & set(final.values())
    stops = {old: fresh() for old in in_the_way}
    first = tuple(Move(old, stop) for old, stop in stops.items())
    then = tuple(Move(stops.get(old, old), new) for old, new in final.items())
    return Moves(tuple(step for step in (first, then) if step), final)


def wrong(held: Sequence[Held], noun: str) -> Iterator[str]:
    """A sentence for each row whose id is not as control has it."""
    for row in held:
        if row.wanted is not None and row.wanted != row.id:
            yield f"{noun} {row.name} has the id {row.id}; in control it has {row.wanted}"
        elif row.wanted is None and row.id < GLOBAL_FROM:
            yield f"{noun} {row.name} has the id {row.id}, as Django gave it"
        elif row.wanted is None and row.id < LOCAL_FROM:
            yield f"{noun} {row.name} has the id {row.id}, which control never gave it"


def _owners(held: Sequence[Held]) -> dict[int, int]:
    """Who gets the id that control has: of two names of one id who has it, or the newer."""
    owners: dict[int, int] = {}
    for row in sorted(held, key=lambda row: (row.id == row.wanted, row.id)):
        if row.wanted is not None:
            owners[row.wanted] = row.id
    return {id_: wanted for wanted, id_ in owners.items()}
