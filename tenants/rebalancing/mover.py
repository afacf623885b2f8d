"""How a rebalance moves a tenant: as `move_tenant` does, and every way that it ends is told."""

from collections.abc import Collection, Mapping
from datetime import datetime
from statistics import median
from typing import Final

import psycopg

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
from sharding.pools.outages import without_rows
from sharding.rebalance.ports import Ended, Outcome, Speed
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from tenants.models import Tenant
from tenants.states import TenantState

_LATELY: Final = 50
"""So many moves say how fast the next ones will be."""
_TRY_AGAIN: Final = (AlreadyMoving, LeaseHeld, NotDrained, PauseFailed)
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
            return _outcome(move_tenant(MoveRequest(tenant_id, target, asked_by=asked_by)))
        except CopiesDiffer as error:
            return Outcome(Ended.MOVED, _newest(tenant_id, target), said=str(error))
        except (MoveOnHold, Superseded, LeaseLost) as error:
            return Outcome(Ended.HELD, _newest(tenant_id, target), said=str(error))
        except MoveRefused as error:
            return Outcome(Ended.REFUSED, said=" ".join(map(str, error.refusals)))
        except _TRY_AGAIN as error:
            return Outcome(Ended.TAKEN_BACK, may_try_again=True, said=str(error))
        except (MoveError, PlacementError, RegistryError, SchemaError) as error:
            return Outcome(Ended.TAKEN_BACK, _newest(tenant_id, target), said=str(error))

    def outcome_of(self, tenant_id: str, target: str, *, since: datetime) -> Outcome | None:
        """What became of its newest move there; one whose mover has died is ended first."""
        moves = Move.objects.using(CONTROL).filter(
            tenant_id=tenant_id, target=target, started_at__gte=since
        )
        move = moves.order_by("-pk").first()
        if move is None:
            return None
        if not MoveState(move.state).is_live:
            return _outcome(receipt_of(move))
        if move.pk not in {stuck.pk for stuck in stuck_moves()}:
            return Outcome(Ended.HELD, move.pk)
        try:
            return _outcome(recover_move(str(move.pk)))
        except LeaseHeld:
            return Outcome(Ended.HELD, move.pk)
        except CopiesDiffer as error:
            return Outcome(Ended.MOVED, move.pk, said=str(error))
        except (MoveError, PlacementError, RegistryError, SchemaError, psycopg.Error) as error:
            return Outcome(Ended.HELD, move.pk, said=without_rows(error))

    def under_way(self) -> Mapping[str, str]:
        """All live moves; one that is past its switch has brought its tenant there already."""
        live = Move.objects.using(CONTROL).exclude(state__in=sorted(ENDS))
        return dict(live.values_list("tenant_id", "target"))

    def arrived(self, *, since: datetime) -> Mapping[str, datetime]:
        """By when their last moves ended."""
        moves = Move.objects.using(CONTROL).filter(state=MoveState.DONE, ended_at__gte=since)
        rows = moves.order_by("ended_at").values_list("tenant_id", "ended_at")
        return {tenant_id: at for tenant_id, at in rows if at is not None}

    def left_on(self, shard: str) -> tuple[str, ...]:
        """Live moves and debts."""
        live = Move.objects.using(CONTROL).exclude(state__in=sorted(ENDS))
        moves = live.filter(source=shard) | live.filter(target=shard)
        debts = MoveDebt.objects.using(CONTROL).filter(shard=shard, settled_at=None)
        told = [f"move {move.pk} is {move.state} (`manage.py list_moves`)" for move in moves]
        told += [
            f"move {debt.move_id} still has to {debt.kind} its copy there"
            for debt in debts.exclude(move__in=moves)
        ]
        return tuple(told)

    def speed(self) -> Speed:
        """Medians of the last moves that ended well."""
        done = Move.objects.using(CONTROL).filter(state=MoveState.DONE).order_by("-pk")[:_LATELY]
        results = [move.result for move in done]
        pauses = [told.get("pause_ms", {}).get("total") for told in results]
        pauses = [pause for pause in pauses if pause is not None]
        return Speed(pause_ms=median(pauses) if pauses else None)


class KnownTenants:
    """What `sharding.rebalance` asks of tenants."""

    def slugs(self, tenant_ids: Collection[str]) -> Mapping[str, str]:
        """What people call them."""
        rows = Tenant.objects.using(CONTROL).filter(id__in=list(tenant_ids))
        return dict(rows.values_list("id", "slug"))

    def busy(self) -> Mapping[str, str]:
        """Those that moves refuse, whatever the day."""
        rows = Tenant.objects.using(CONTROL).filter(state__in=list(_BUSY))
        return {
            tenant_id: _BUSY[TenantState(state)]
            for tenant_id, state in rows.values_list("id", "state")
        }


def _outcome(receipt: MoveReceipt) -> Outcome:
    pause = receipt.pause_ms.get("total")
    match MoveState(receipt.state):
        case MoveState.DONE:
            return Outcome(Ended.MOVED, receipt.move_id, pause_ms=pause, said=receipt.why)
        case MoveState.ABORTED:
            return Outcome(Ended.TAKEN_BACK, receipt.move_id, may_try_again=True, said=receipt.why)
        case _:
            return Outcome(Ended.HELD, receipt.move_id, pause_ms=pause, said=receipt.why)


def _newest(tenant_id: str, target: str) -> int | None:
    moves = Move.objects.using(CONTROL).filter(tenant_id=tenant_id, target=target)
    newest = moves.order_by("-pk").first()
    return newest.pk if newest is not None else None
