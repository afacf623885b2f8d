"""Move tenants, and look at moves, by slug, id, or number of a move."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sharding.moves.core.steps import Mode
from sharding.moves.errors import NoSuchMove
from sharding.moves.models import Move
from sharding.moves.services import after_soak, moving, preflight, recovering, rehearsing
from sharding.moves.services.listing import MoveDetails, MoveLine, all_moves, details_of
from sharding.moves.services.rehearsing import Rehearsal
from sharding.moves.types import MovePlan, MoveReceipt, MoveRequest
from tenants.errors import UnknownSlug
from tenants.models import CONTROL, Tenant
from tenants.services.finding import find_tenant

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody types: which tenant, and where to."""

    tenant: str
    to: str
    max_pause: timedelta
    max_drain: timedelta
    attempts: int
    mode: Mode | None
    soak: timedelta

    def request(self) -> MoveRequest:
        """The same for `sharding.moves`.

        Raises:
            UnknownSlug: there is no such tenant.
        """
        return MoveRequest(
            find_tenant(self.tenant).id,
            self.to,
            max_pause=self.max_pause,
            max_drain=self.max_drain,
            attempts=self.attempts,
            mode=self.mode,
            soak=self.soak,
        )


def plan(wish: Wish) -> MovePlan:
    """What `move` would do now, and every reason not to. Changes nothing.

    Raises:
        UnknownSlug, NoSuchShard: there is nobody, or nowhere to go.
    """
    return preflight.plan_move(wish.request())


def move(wish: Wish, *, tell: Tell) -> MoveReceipt:
    """Take a tenant with its traffic to another shard.

    Raises:
        as `sharding.moves.services.moving.move_tenant`; UnknownSlug.
    """
    return moving.move_tenant(wish.request(), tell=tell)


def rehearse(wish: Wish, *, tell: Tell) -> Rehearsal:
    """Do everything of a move but its pause, and throw it away.

    Raises:
        as `sharding.moves.services.rehearsing.rehearse_move`; UnknownSlug.
    """
    return rehearsing.rehearse_move(wish.request(), tell=tell)


def resume(name: str, *, tell: Tell) -> MoveReceipt:
    """End a move whose mover has died: finish it, or take it back.

    Raises:
        as `sharding.moves.services.recovering.recover_move`.
    """
    return recovering.recover_move(number_of(name), tell=tell)


def abort(name: str, *, tell: Tell) -> MoveReceipt:
    """Have a move taken back.

    Raises:
        as `sharding.moves.services.recovering.abort_move`.
    """
    return moving.receipt_of(recovering.abort_move(number_of(name), tell=tell))


def roll_back(name: str, *, max_pause: timedelta | None, tell: Tell) -> MoveReceipt:
    """Take a tenant back to where it came from.

    Raises:
        as `sharding.moves.services.after_soak.rollback_move`.
    """
    return after_soak.rollback_move(number_of(name), max_pause=max_pause, tell=tell)


def finish(name: str, *, tell: Tell) -> MoveReceipt:
    """End a soak.

    Raises:
        as `sharding.moves.services.after_soak.finish_move`.
    """
    return after_soak.finish_move(number_of(name), tell=tell)


def shown(name: str) -> MoveDetails:
    """One move, with all that happened in it.

    Raises:
        NoSuchMove: there is none.
    """
    return details_of(number_of(name), slugs=slugs_of)


def listed(*, tenant: str = "", live: bool = False) -> list[MoveLine]:
    """All moves, the newest first; only those of a tenant, or that can go on, if told.

    Raises:
        UnknownSlug: there is no such tenant.
    """
    tenant_id = find_tenant(tenant).id if tenant else ""
    return all_moves(tenant_id=tenant_id, live=live, slugs=slugs_of)


def number_of(name: str) -> str:
    """The number of the move that is meant: itself, or the newest of that tenant.

    Raises:
        NoSuchMove: there is none.
    """
    if name.isdigit():
        return name
    try:
        tenant_id = find_tenant(name).id
    except UnknownSlug:
        # Of a tenant that is gone its id is still known here.
        tenant_id = name
    newest = Move.objects.using(CONTROL).filter(tenant_id=tenant_id).order_by("-id").first()
    if newest is None:
        raise NoSuchMove(name)
    return str(newest.pk)


def slugs_of(tenant_ids: Any) -> dict[str, str]:
    """What people call these tenants; those that are gone are left out."""
    rows = Tenant.objects.using(CONTROL).filter(id__in=list(tenant_ids))
    return dict(rows.values_list("id", "slug"))
