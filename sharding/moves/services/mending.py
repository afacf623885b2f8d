"""Take away what moves have left behind. Each thing is looked at once more before it is touched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, assert_never

from sharding.moves.connections import Who, mover_connection, mover_login
from sharding.moves.core.diagnosis import Finding, Ill
from sharding.moves.services import journal
from sharding.moves.services.ending import disarm_end, drop_copy, drop_end, seal_source
from sharding.moves.services.examining import examine
from sharding.moves.services.holding import Hold, held, taken_over
from sharding.moves.services.recovering import ENDS_LATER, recover_move
from sharding.moves.services.streaming import unstream_end
from sharding.moves.services.streams import end_streams
from sharding.moves.services.tokens import newest_token
from sharding.moves.services.turning_back import unfence_end
from sharding.moves.services.work import Tell, silent
from sharding.moves.types import DebtKind
from sharding.placements.errors import NoSuchPlacement
from sharding.placements.services.placing import get_placement
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF
from sharding.schemas.services.fence import disarm

_END_SESSION: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = %(pid)s AND starts_with(application_name, %(called)s)
"""
_STREAMS: Final = frozenset({Ill.SUBSCRIPTION, Ill.SLOT, Ill.PUBLICATION})


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one finding. `why_not`: why it is still there; empty: it is mended."""

    finding: Finding
    why_not: str = ""


def mend(findings: tuple[Finding, ...], *, tell: Tell = silent) -> tuple[Mended, ...]:
    """Mend what can be mended, one after the other; one that cannot now does not stop the rest.

    Locks: the lease of one tenant after the other.
    Idempotent.
    """
    return tuple(_one(finding, tell) for finding in findings if finding.mends)


def _one(finding: Finding, tell: Tell) -> Mended:
    try:
        if finding.ill is Ill.STUCK:
            recover_move(str(finding.move_id), tell=tell)
        else:
            with _held_if_there(finding) as hold:
                if _is_still_there(finding):
                    _MENDS[finding.ill](finding, hold)
    except ENDS_LATER as error:
        return Mended(finding, without_rows(error))
    return Mended(finding)


@contextmanager
def _held_if_there(finding: Finding) -> Iterator[Hold | None]:
    """Keep moves of this tenant away. Nobody moves one that is gone: None."""
    try:
        get_placement(finding.tenant_id)
    except NoSuchPlacement:
        yield None
        return
    with held(finding.tenant_id, finding.shard) as hold:
        yield hold


def _is_still_there(finding: Finding) -> bool:
    """Nobody has begun a move meanwhile, or ended one."""
    now = examine([finding.shard])
    return any(_key(one) == _key(finding) for one in now)


def _key(finding: Finding) -> tuple[Ill, str, str]:
    return finding.ill, finding.shard, finding.subject


def _end_session(finding: Finding, hold: Hold | None) -> None:
    server = addresses.shard(finding.shard)
    called = f"mv:{finding.tenant_id}:{finding.move_id}:"
    with mover_login(server, BRIEF) as connection:
        connection.execute(_END_SESSION, {"pid": int(finding.subject), "called": called})


def _end_streams(finding: Finding, hold: Hold | None) -> None:
    assert finding.move_id is not None, "it is called after one"
    server = addresses.shard(finding.shard)
    # Nobody holds the lease of a tenant that is gone, and no newer mover can be.
    token = newest_token(finding.tenant_id, server) if hold is None else hold.lease.token
    end_streams(server, Who(finding.tenant_id, finding.move_id, token))


def _drop_copy(finding: Finding, hold: Hold | None) -> None:
    server, who = _as_mover(finding, hold)
    drop_copy(server, who, tell=silent)


def _unfence(finding: Finding, hold: Hold | None) -> None:
    server, who = _as_mover(finding, hold)
    unfence_end(server, who)


def _disarm(finding: Finding, hold: Hold | None) -> None:
    server, who = _as_mover(finding, hold)
    with mover_connection(server, who) as connection:
        disarm(connection, who.schema)


def _pay(finding: Finding, hold: Hold | None) -> None:
    """Do what an ended move still owes, as it would have done it."""
    assert hold is not None, "a move of a tenant that is gone was purged with it"
    move = journal.find(str(finding.move_id))
    with taken_over(move, hold) as work:
        for debt in list(journal.debts_of(move)):
            server = addresses.shard(debt.shard)
            match DebtKind(debt.kind):
                case DebtKind.SEAL:
                    seal_source(work)
                case DebtKind.DROP:
                    drop_end(work, server)
                case DebtKind.DISARM:
                    disarm_end(work, server)
                case DebtKind.SLOT | DebtKind.PUBLICATION | DebtKind.SUBSCRIPTION:
                    unstream_end(work, server)
                case kind:
                    assert_never(kind)


def _as_mover(finding: Finding, hold: Hold | None) -> tuple[Server, Who]:
    assert hold is not None, "its tenant lives somewhere"
    who = Who(finding.tenant_id, finding.move_id or 0, hold.lease.token)
    return addresses.shard(finding.shard), who


_MENDS: Final[dict[Ill, Callable[[Finding, Hold | None], None]]] = {
    Ill.SESSION: _end_session,
    Ill.COPY: _drop_copy,
    Ill.FENCE: _unfence,
    Ill.GUARD: _disarm,
    Ill.DEBT: _pay,
    **dict.fromkeys(_STREAMS, _end_streams),
}
