"""How a rebalance moves a tenant: as `move_tenant` does, and every way that it ends is told."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import psycopg
from django.db.models.functions import Coalesce

from sharding.moves.core.states import ENDS, MoveState
from sharding.moves.errors import (
    AlreadyMoving,
    CopiesDiffer,
    MoveError,
    MoveOnHold,
    MoveRefused,
    NotDrained,
    PauseFailed,
    Superseded,
)
from sharding.moves.models import CONTROL, Move, MoveDebt
from sharding.moves.services.listing import stuck_moves
from sharding.moves.services.moving import move_tenant, receipt_of
from sharding.moves.services.recovering import recover_move
from sharding.moves.types import MoveReceipt, MoveRequest
from sharding.placements.errors import LeaseHeld, LeaseLost, PlacementError
from sharding.placements.models import Shard
from sharding.placements.services.placing import get_placement
from sharding.placements.states import ShardState
from sharding.pools.outages import without_rows
from sharding.rebalance.core.copying import Copied
from sharding.rebalance.ports import Ended, Outcome
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from tenants.models import Tenant
from tenants.moving.services import slugs_of
from tenants.states import TenantState

_LATELY: Final = 50
"""So many moves say how long the next ones will pause."""
_COPIED_LATELY: Final = 300
"""And so many, how long they will copy."""
_AT_ITS_TARGET: Final = frozenset({MoveState.SOAKING, MoveState.FINISHING, MoveState.DONE})
"""It lives and works there; whether a way back is kept open is nothing to wait for."""
_TRY_AGAIN: Final = (AlreadyMoving, LeaseHeld, NotDrained, PauseFailed)
_FAILED: Final = (MoveError, PlacementError, RegistryError, SchemaError)
_BUSY: Final = {
    TenantState.PROVISIONING: "being made",
    TenantState.SUSPENDED: "suspended",
    TenantState.DELETED: "deleted",
}


class TenantMover:
    """What `sharding.rebalance` asks of moves."""

    def move(self, tenant_id: str, target: str, *, asked_by: str) -> Outcome:
        """Move it; what a server does to it is an outcome, unless that server is control."""
        try:
            return _outcome(move_tenant(_request(tenant_id, target, asked_by)))
        except CopiesDiffer as error:
            return Outcome(Ended.MOVED, _newest(tenant_id, target), said=str(error))
        except (MoveOnHold, Superseded, LeaseLost) as error:
            return Outcome(Ended.HELD, _newest(tenant_id, target), said=str(error))
        except MoveRefused as error:
            return Outcome(Ended.REFUSED, said=" ".join(map(str, error.refusals)))
        except _TRY_AGAIN as error:
            return Outcome(Ended.TAKEN_BACK, may_try_again=True, said=str(error))
        except _FAILED as error:
            return Outcome(Ended.TAKEN_BACK, _newest(tenant_id, target), said=str(error))

    def outcome_of(self, tenant_id: str, target: str, *, since: datetime) -> Outcome | None:
        """What became of its newest move there; one whose mover has died is ended first."""
        moves = Move.objects.using(CONTROL).filter(
            tenant_id=tenant_id, target=target, started_at__gte=since
        )
        move = moves.order_by("-pk").first()
        if move is None:
            return None
        if MoveState(move.state) in _AT_ITS_TARGET | ENDS:
            return _outcome(receipt_of(move))
        if move.pk not in {stuck.pk for stuck in stuck_moves()}:
            return Outcome(Ended.HELD, move.pk)
        try:
            return _outcome(recover_move(str(move.pk)))
        except LeaseHeld:
            return Outcome(Ended.HELD, move.pk)
        except CopiesDiffer as error:
            return Outcome(Ended.MOVED, move.pk, said=str(error))
        except (*_FAILED, psycopg.Error) as error:
            return Outcome(Ended.HELD, move.pk, said=without_rows(error))

    def under_way(self) -> Mapping[str, str]:
        """All live moves but soaks; past its switch, one has brought its tenant there already."""
        live = Move.objects.using(CONTROL).exclude(state__in=sorted({*ENDS, MoveState.SOAKING}))
        return dict(live.values_list("tenant_id", "target"))

    def arrived(self, *, since: datetime) -> Mapping[str, datetime]:
        """By when their last moves ended, or began to keep a way back open."""
        moves = Move.objects.using(CONTROL).filter(state__in=sorted(_AT_ITS_TARGET))
        ended = moves.annotate(at=Coalesce("ended_at", "changed_at")).filter(at__gte=since)
        return dict(ended.order_by("at").values_list("tenant_id", "at"))

    def left_on(self, shard: str) -> tuple[str, ...]:
        """Live moves and debts."""
        live = Move.objects.using(CONTROL).exclude(state__in=sorted(ENDS))
        moves = live.filter(source=shard) | live.filter(target=shard)
        debts = MoveDebt.objects.using(CONTROL).filter(shard=shard, settled_at=None)
        told = [f"move {move.pk} is {move.state} (`manage.py list_moves`)" for move in moves]
        told += [
            f"move {debt.move_id} owes {debt.kind} there (`manage.py show_move {debt.move_id}`)"
            for debt in debts.exclude(move__in=moves)
        ]
        return tuple(told)

    def usual_pause(self) -> timedelta | None:
        """The median of the last moves that ended well."""
        arrived = Move.objects.using(CONTROL).filter(state__in=sorted(_AT_ITS_TARGET))
        results = [move.result for move in arrived.order_by("-pk")[:_LATELY]]
        pauses = [told.get("pause_ms", {}).get("total") for told in results]
        pauses = [pause for pause in pauses if pause is not None]
        return timedelta(milliseconds=median(pauses)) if pauses else None

    def copied_lately(self) -> list[Copied]:
        """By the journal of the last moves, those that were taken back later among them."""
        # The newest by their number: which of many old ones tell something is not searched for.
        moves = Move.objects.using(CONTROL).order_by("-pk")[:_COPIED_LATELY]
        told = [result.get("copied") for result in moves.values_list("result", flat=True)]
        return [Copied(one["from"], one["to"], one["bytes"], one["seconds"]) for one in told if one]


class KnownTenants:
    """What `sharding.rebalance` asks of tenants."""

    def slugs(self, tenant_ids: Collection[str]) -> Mapping[str, str]:
        """What people call them."""
        return slugs_of(tenant_ids)

    def busy(self) -> Mapping[str, str]:
        """Those that moves refuse, whatever the day."""
        rows = Tenant.objects.using(CONTROL).filter(state__in=list(_BUSY))
        soaking = Move.objects.using(CONTROL).filter(state=MoveState.SOAKING)
        return {
            **{move.tenant_id: f"move {move.pk} soaks" for move in soaking},
            **{
                tenant_id: _BUSY[TenantState(state)]
                for tenant_id, state in rows.values_list("id", "state")
            },
        }


def _request(tenant_id: str, target: str, asked_by: str) -> MoveRequest:
    """As people ask by default; but nobody goes back to a shard that is to be empty."""
    request = MoveRequest(tenant_id, target, asked_by=asked_by)
    source = Shard.objects.using(CONTROL).get(pk=get_placement(tenant_id).shard_id)
    if source.state == ShardState.DRAINING:
        return replace(request, soak=timedelta(0))
    return request


def _outcome(receipt: MoveReceipt) -> Outcome:
    pause = receipt.pause_ms.get("total")
    match MoveState(receipt.state):
        case state if state in _AT_ITS_TARGET:
            return Outcome(Ended.MOVED, receipt.move_id, pause_ms=pause, said=receipt.why)
        case MoveState.ABORTED:
            return Outcome(Ended.TAKEN_BACK, receipt.move_id, may_try_again=True, said=receipt.why)
        case _:
            return Outcome(Ended.HELD, receipt.move_id, pause_ms=pause, said=receipt.why)


def _newest(tenant_id: str, target: str) -> int | None:
    moves = Move.objects.using(CONTROL).filter(tenant_id=tenant_id, target=target)
    newest = moves.order_by("-pk").first()
    return newest.pk if newest is not None else None
