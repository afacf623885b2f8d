"""What moves have left behind: look at control and at every shard. Changes nothing."""

from collections.abc import Collection
from typing import Final

import psycopg
from django.db.models import Exists, OuterRef, Q

from sharding.moves.connections import Who, as_owner, mover_login
from sharding.moves.core.diagnosis import (
    Copy,
    Finding,
    Ill,
    Known,
    KnownMove,
    Session,
    ShardSight,
    Stream,
    diagnose,
)
from sharding.moves.core.states import ENDS, MoveState
from sharding.moves.errors import EndsChanged
from sharding.moves.models import CONTROL, Move, MoveDebt
from sharding.moves.services.ending import DIFFER
from sharding.moves.services.listing import debts_by_move, stuck_moves
from sharding.moves.services.streams import move_of
from sharding.placements.models import Placement
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import DEFAULT, Connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.markers import read_markers
from sharding.schemas.types import Phase

_ARMED: Final = """
    SELECT DISTINCT n.nspname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n
      ON n.oid = c.relnamespace
    WHERE t.tgname = %(guard)s AND t.tgenabled <> 'D'
"""
_SESSIONS: Final = """
    SELECT pid, application_name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'mv:%%'
      AND pid <> pg_backend_pid()
"""
_STREAMS: Final = """
    SELECT 'slot', slot_name::text, active,
           coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint,
           wal_status IS NOT DISTINCT FROM 'lost'
    FROM pg_replication_slots WHERE database = current_database() OR database IS NULL
    UNION ALL
    SELECT 'subscription', subname, subenabled, 0, false FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT 'publication', pubname, true, 0, false FROM pg_publication
    ORDER BY 1, 2
"""


def examine(shards: Collection[str] = ()) -> tuple[Finding, ...]:
    """All that is wrong; of these shards only, if any are named.

    The shards are asked first: what a move makes is in the journal before it is there.

    Raises:
        NoSuchShard: there is none of that name.
    """
    wanted = [addresses.shard(name) for name in shards or sorted(addresses.registry().shards)]
    sights = [_see(server) for server in wanted]
    return diagnose(_known(sights), sights)


def _see(server: Server) -> ShardSight:
    try:
        with mover_login(server, DEFAULT) as connection:
            sessions = tuple(
                Session(who.schema, who.move_id, who.token, pid)
                for pid, name in connection.execute(_SESSIONS)
                if (who := Who.of_session(name))
            )
            streams = tuple(_stream(*row) for row in connection.execute(_STREAMS))
            as_owner(connection, server)
            return ShardSight(
                server.name, copies=_copies(connection), sessions=sessions, streams=streams
            )
    except (ServerUnreachable, EndsChanged, psycopg.Error) as error:
        return ShardSight(server.name, away=without_rows(error))


def _copies(connection: Connection) -> tuple[Copy, ...]:
    armed = {schema for (schema,) in connection.execute(_ARMED, {"guard": names.GUARD})}
    return tuple(
        Copy(marker.schema, marker.phase, marker.move_id, marker.schema in armed)
        for marker in read_markers(connection).values()
        if marker.phase is not Phase.TOMBSTONE
    )


def _stream(kind: str, name: str, active: bool, keeps: int, lost: bool) -> Stream:
    schema, move_id = move_of(name) or ("", None)
    return Stream(Ill(kind), name, schema, move_id, active=active, keeps=keeps, lost=lost)


def _known(sights: Collection[ShardSight]) -> Known:
    """Moves that can go on or owe something, and those of which a shard still has something."""
    named: set[int | None] = set()
    for sight in sights:
        named.update(one.move_id for one in sight.copies)
        named.update(one.move_id for one in sight.sessions)
        named.update(one.move_id for one in sight.streams)
    owing = MoveDebt.objects.using(CONTROL).filter(move=OuterRef("pk"), settled_at=None)
    moves = list(
        Move.objects.using(CONTROL).filter(
            ~Q(state__in=sorted(ENDS)) | Q(Exists(owing)) | Q(pk__in=named - {None})
        )
    )
    owed = debts_by_move(moves)
    stuck = {move.pk for move in stuck_moves()}
    places = Placement.objects.using(CONTROL).values_list("tenant_id", "shard_id", "state")
    return Known(
        moves={move.pk: _as_known(move, move.pk in stuck, owed.get(move.pk, [])) for move in moves},
        places={tenant_id: (shard, state) for tenant_id, shard, state in places},
    )


def _as_known(move: Move, is_stuck: bool, owed: list[MoveDebt]) -> KnownMove:
    return KnownMove(
        move_id=move.pk,
        tenant_id=move.tenant_id,
        source=move.source,
        target=move.target,
        state=move.state,
        token=move.token,
        is_live=MoveState(move.state).is_live,
        is_stuck=is_stuck,
        differs=move.result.get(DIFFER, "") if MoveState(move.state).is_live else "",
        owed=tuple((debt.shard, debt.kind) for debt in owed),
    )
