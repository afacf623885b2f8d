"""Move tenants, and look at moves, by slug, id, or number of a move."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sharding.moves.core.steps import Mode
from sharding.moves.errors import NoSuchMove
from sharding.moves.models import Move
from sharding.moves.services import (
    after_soak,
    journal,
    moving,
    preflight,
    recovering,
    rehearsing,
)
from sharding.moves.services.listing import MoveDetails, MoveLine, all_moves, details_of
from sharding.moves.services.rehearsing import Rehearsal
from sharding.moves.services.work import Tell
from sharding.moves.types import MovePlan, MoveReceipt, MoveRequest
from tenants.errors import UnknownSlug
from tenants.models import CONTROL, Tenant
from tenants.services.finding import find_tenant


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
    return recovering.recover_move(_meant(name), tell=tell)


def abort(name: str, *, tell: Tell) -> MoveReceipt:
    """Have a move taken back.

    Raises:
        as `sharding.moves.services.recovering.abort_move`.
    """
    return moving.receipt_of(recovering.abort_move(_meant(name), tell=tell))


def roll_back(name: str, *, max_pause: timedelta | None, tell: Tell) -> MoveReceipt:
    """Take a tenant back to where it came from.

    Raises:
        as `sharding.moves.services.after_soak.rollback_move`.
    """
    return after_soak.rollback_move(_meant(name), max_pause=max_pause, tell=tell)


def finish(name: str, *, tell: Tell) -> MoveReceipt:
    """End a soak.

    Raises:
        as `sharding.moves.services.after_soak.finish_move`.
    """
    return after_soak.finish_move(_meant(name), tell=tell)


def shown(name: str) -> MoveDetails:
    """One move, with all that happened in it.

    Raises:
        NoSuchMove: there is none.
    """
    return details_of(_meant(name), slugs=slugs_of)


def listed(*, tenant: str = "", live: bool = False) -> list[MoveLine]:
    """All moves, the newest first; only those of a tenant, or that can go on, if told.

    Raises:
        UnknownSlug: there is no such tenant.
    """
    tenant_id = find_tenant(tenant).id if tenant else ""
    return all_moves(tenant_id=tenant_id, live=live, slugs=slugs_of)


def newest(name: str) -> Move | None:
    """The move of this number, or the newest of this tenant."""
    try:
        return journal.find(_meant(name))
    except NoSuchMove:
        return None


def _meant(name: str) -> str:
    """The number of the move that somebody calls so: by number, or slug or id of its tenant.

    Raises:
        NoSuchMove: there is none.
    """
    if name.isdigit():
        return name
    try:
        tenant_id = find_tenant(name).id
    except UnknownSlug:
        # Of a tenant that is gone its id is still known to moves.
        tenant_id = name
    try:
        return str(journal.find(tenant_id).pk)
    except NoSuchMove as error:
        raise NoSuchMove(name) from error


def slugs_of(tenant_ids: Iterable[str]) -> dict[str, str]:
    """What people call these tenants; those that are gone are left out."""
    rows = Tenant.objects.using(CONTROL).filter(id__in=list(tenant_ids))
    return dict(rows.values_list("id", "slug"))
