"""What sharding.moves refuses, and how a move ends early.

MoveError
├── MoveRefused
├── AlreadyMoving
├── NoSuchMove
├── WrongMoveState
├── Superseded
├── PauseFailed
│   ├── NotDrained
│   ├── FenceNotReached
│   ├── PauseOverran
│   └── EndsChanged
├── FenceIncomplete
├── CopyFailed
├── AbortAsked
├── MoveFailed
├── CopiesDiffer
└── MoveOnHold
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final

from sharding.moves.types import Refusal
from sharding.pools.outages import as_sentence, without_rows
from sharding.schemas.errors import ServerUnreachable


class MoveError(Exception):
    """A move cannot begin, or cannot go on."""

    code: ClassVar[str] = "moves"
    retryable: ClassVar[bool] = False


class MoveRefused(MoveError):
    """A tenant cannot be moved as asked; nothing was changed."""

    code = "moves.refused"

    def __init__(self, tenant_id: str, refusals: Sequence[Refusal]) -> None:
        self.tenant_id = tenant_id
        self.refusals = tuple(refusals)
        told = " ".join(str(one) for one in refusals)
        super().__init__(f"Tenant {tenant_id} is not moved: {told} Nothing was changed.")


class AlreadyMoving(MoveError):
    """A tenant is on its way already."""

    code = "moves.already"

    def __init__(self, tenant_id: str, *, move_id: int, state: str) -> None:
        self.tenant_id = tenant_id
        self.move_id = move_id
        super().__init__(
            f"Tenant {tenant_id} is moving already: move {move_id} is {state}. `manage.py "
            f"show_move {move_id}` shows it; `resume_move` and `abort_move` end it where its mover "
            "has died."
        )


class NoSuchMove(MoveError):
    """No move has this number, or this tenant has none."""

    code = "moves.unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no move {name!r}. `manage.py list_moves` shows them.")


_GO_ON: Final = "`manage.py resume_move {move}` goes on with it, if nobody does."
_NEXT: Final = {
    "soaking": "`manage.py rollback_move {move}` goes its way back.",
    "done": "Another `manage.py move_tenant` takes its tenant elsewhere.",
    "aborted": "It was taken back.",
}


class WrongMoveState(MoveError):
    """A move is not where this could be done."""

    code = "moves.wrong_state"

    def __init__(self, move_id: int, *, found: str, wanted: str) -> None:
        self.move_id = move_id
        self.found = found
        super().__init__(
            f"Move {move_id} is {found} and cannot be {wanted}. Nothing was changed. "
            f"{_NEXT.get(found, _GO_ON).format(move=move_id)}"
        )


class Superseded(MoveError):
    """Somebody else has taken this move over."""

    code = "moves.superseded"

    def __init__(self, tenant_id: str, *, token: int) -> None:
        self.tenant_id = tenant_id
        super().__init__(
            f"The move of {tenant_id} was taken over while this process (token {token}) was "
            "silent. It stops here; what it has not done the other one does."
        )


class PauseFailed(MoveError):
    """The pause could not be had now; the tenant goes on where it was."""

    code = "moves.pause_failed"
    retryable = True


class NotDrained(PauseFailed):
    """Somebody went on working for the tenant, longer than was to be waited."""

    code = "moves.not_drained"

    def __init__(self, holders: Sequence[str], *, within: timedelta) -> None:
        self.holders = tuple(holders)
        who = "; ".join(holders) or "processes do not say who"
        super().__init__(
            f"After {within.total_seconds():g} s somebody still works for the tenant: {who}. It "
            "goes on where it is; a longer --max-drain waits longer."
        )


class FenceNotReached(PauseFailed):
    """Somebody held a table."""

    code = "moves.fence_not_reached"

    def __init__(self, schema: str) -> None:
        super().__init__(
            f"A table of {schema} was in use, and nobody may wait long for a lock that writers "
            "queue behind."
        )


class PauseOverran(PauseFailed):
    """The pause would have become longer than it may."""

    code = "moves.pause_overran"

    def __init__(self, *, doing: str, budget: timedelta) -> None:
        super().__init__(
            f"The pause of {budget.total_seconds() * 1000:.0f} ms was over, or would be ({doing}); "
            "the tenant goes on where it was. A longer --max-pause allows more; `manage.py "
            "move_tenant --rehearse` tells how much it takes."
        )


class EndsChanged(PauseFailed):
    """A shard is not the one that the move began with."""

    code = "moves.ends_changed"

    def __init__(self, shard: str, what: str) -> None:
        super().__init__(f"{shard}: {as_sentence(what)} Nothing was switched.")


class FenceIncomplete(MoveError):
    """A table of the source has no armed guard, so a fence would not hold it."""

    code = "moves.fence_incomplete"

    def __init__(self, schema: str, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        super().__init__(
            f"Schema {schema} is not what it was when the move began: {', '.join(tables)}. Nothing "
            "was switched. `manage.py check_drift` says what is wrong there."
        )


class CopyFailed(MoveError):
    """Rows could not be brought over."""

    code = "moves.copy_failed"

    def __init__(self, what: str) -> None:
        super().__init__(f"Copying failed: {as_sentence(what)}")


class AbortAsked(MoveError):
    """Somebody wants the move taken back."""

    code = "moves.abort_asked"

    def __init__(self, move_id: int) -> None:
        super().__init__(f"Move {move_id} is taken back, as `manage.py abort_move` has asked for.")


class MoveFailed(MoveError):
    """A server failed on the way; the move was taken back."""

    code = "moves.failed"
    retryable = True

    def __init__(self, move_id: int, why: str) -> None:
        self.move_id = move_id
        super().__init__(
            f"Move {move_id} was taken back: {as_sentence(why)} The tenant is where it was."
        )


class CopiesDiffer(MoveError):
    """The two copies, as they were at the switch, do not hold the same rows."""

    code = "moves.copies_differ"

    def __init__(self, move_id: int, tables: Sequence[str]) -> None:
        self.move_id = move_id
        self.tables = tuple(tables)
        super().__init__(
            f"Move {move_id}: the copies differ in {', '.join(tables)}. The tenant is served at "
            "the target; the source's copy is kept, sealed, and is dropped by nobody. "
            "docs/runbooks/moves.md says how to look."
        )


class MoveOnHold(MoveError):
    """The move cannot go on now, or nobody can tell yet how it is to be ended.

    again: the same command is to be run again; else `resume_move` goes on.
    """

    code = "moves.on_hold"
    retryable = True

    def __init__(self, move_id: int, why: str, *, again: bool = False) -> None:
        self.move_id = move_id
        then = (
            "Run the same command again when that has changed."
            if again
            else f"`manage.py resume_move {move_id}` goes on with it when that has changed."
        )
        super().__init__(f"Move {move_id} stays as it is: {as_sentence(why)} {then}")


def why_of(error: BaseException) -> str:
    """What kept a move from going on, without advice of what to do: whoever raises gives that."""
    return error.what if isinstance(error, ServerUnreachable) else without_rows(error)
