"""Take away what moves have left behind. Each thing is looked at once more before it is touched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from django.db import DatabaseError
from psycopg import sql

from sharding.moves.conf import move_settings
from sharding.moves.connections import BULK, Who, mover_connection, mover_of
from sharding.moves.core.diagnosis import Finding, Ill
from sharding.moves.errors import MoveError, MoveOnHold
from sharding.moves.services import journal
from sharding.moves.services.ending import disarm_end, drop_end, seal_source
from sharding.moves.services.examining import examine
from sharding.moves.services.moving import PURPOSE
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.streaming import unstream_end
from sharding.moves.services.streams import end_streams
from sharding.moves.services.tokens import newest_token
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import DebtKind, MoveRequest
from sharding.placements.errors import NoSuchPlacement, PlacementError
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.keeping import kept
from sharding.placements.services.leases import Lease, lease
from sharding.placements.services.placing import get_placement
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, login_connection
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.drop_schema import drop_schema_on
from sharding.schemas.services.fence import disarm, grant_permit
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.types import Phase

_END_SESSION: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = %(pid)s AND starts_with(application_name, %(called)s)
"""
_DURABLE: Final = "SET LOCAL synchronous_commit TO on"
_GOES_ON: Final = (MoveError, PlacementError, SchemaError, DatabaseError, psycopg.Error)
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
            with _leased(finding) as held:
                if _is_still_there(finding):
                    _MENDS[finding.ill](finding, held)
    except _GOES_ON as error:
        return Mended(finding, without_rows(error))
    return Mended(finding)


@contextmanager
def _leased(finding: Finding) -> Iterator[Lease | None]:
    """Keep moves of this tenant away. Nobody moves one that is gone: None."""
    try:
        get_placement(finding.tenant_id)
    except NoSuchPlacement:
        yield None
        return
    wanted = lease(finding.tenant_id, PURPOSE, move_settings().lease)
    with free_of_the_dead(wanted) as held, kept(held):
        held.raise_token(newest_token(finding.tenant_id, addresses.shard(finding.shard)) + 1)
        yield held


def _is_still_there(finding: Finding) -> bool:
    """Nobody has begun a move meanwhile, or ended one."""
    now = examine([finding.shard])
    return any(_key(one) == _key(finding) for one in now)


def _key(finding: Finding) -> tuple[Ill, str, str]:
    return finding.ill, finding.shard, finding.subject


def _end_session(finding: Finding, held: Lease | None) -> None:
    server = addresses.shard(finding.shard)
    called = f"mv:{finding.tenant_id}:{finding.move_id}:"
    with login_connection(server, server.direct, mover_of(server), BRIEF) as connection:
        connection.execute(_END_SESSION, {"pid": int(finding.subject), "called": called})


def _end_streams(finding: Finding, held: Lease | None) -> None:
    assert finding.move_id is not None, "it is called after one"
    server = addresses.shard(finding.shard)
    # Nobody holds the lease of a tenant that is gone, and no newer mover can be.
    token = newest_token(finding.tenant_id, server) if held is None else held.token
    end_streams(server, Who(finding.tenant_id, finding.move_id, token))


def _drop_copy(finding: Finding, held: Lease | None) -> None:
    server, who = _as_mover(finding, held)
    with mover_connection(server, who, patience=BULK) as connection:
        marker = read_marker(connection, who.schema)
        serves = marker is not None and marker.phase is Phase.ACTIVE
        if serves or get_placement(who.schema).shard_id == server.name:
            raise MoveOnHold(who.move_id, f"The copy on {server.name} is the one that is used.")
        drop_schema_on(connection, server, who.schema, token=who.token)


def _unfence(finding: Finding, held: Lease | None) -> None:
    server, who = _as_mover(finding, held)
    with mover_connection(server, who) as connection, connection.transaction():
        connection.execute(sql.SQL(_DURABLE))
        set_phase(connection, who.schema, Phase.ACTIVE, token=who.token)
        grant_permit(connection, who.schema)


def _disarm(finding: Finding, held: Lease | None) -> None:
    server, who = _as_mover(finding, held)
    with mover_connection(server, who) as connection:
        disarm(connection, who.schema)


def _pay(finding: Finding, held: Lease | None) -> None:
    """Do what an ended move still owes, as it would have done it."""
    assert held is not None, "a move of a tenant that is gone was purged with it"
    move = journal.find(str(finding.move_id))
    move = journal.take(move, token=held.token, mover=held.holder)
    request = MoveRequest.of(move.tenant_id, move.target, move.asked)
    work = Work(move, request, held, held.renew)
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


def _as_mover(finding: Finding, held: Lease | None) -> tuple[Server, Who]:
    assert held is not None, "its tenant lives somewhere"
    who = Who(finding.tenant_id, finding.move_id or 0, held.token)
    return addresses.shard(finding.shard), who


_MENDS: Final[dict[Ill, Callable[[Finding, Lease | None], None]]] = {
    Ill.SESSION: _end_session,
    Ill.COPY: _drop_copy,
    Ill.FENCE: _unfence,
    Ill.GUARD: _disarm,
    Ill.DEBT: _pay,
    **dict.fromkeys(_STREAMS, _end_streams),
}
