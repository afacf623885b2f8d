"""From a held slug to an open workspace: provisioning, as often as it takes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils import timezone

from front.conf import front_settings
from front.models import CONTROL, SignUp
from front.services.advancing import actor_of, advance, in_control, lock_sign_up
from front.states import SIGN_UP_TRANSITIONS, SignUpState
from migrations_tools.errors import MigrationToolsError
from sharding.placements.errors import PlacementError
from sharding.placements.services.audit import actor
from sharding.pools.outages import without_rows
from sharding.schemas.errors import SchemaError
from tenants.errors import BeingProvisioned, DomainTaken, InvalidSlug, SlugTaken, TenantError
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionReceipt, ProvisionRequest

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)


def request_of(row: SignUp) -> ProvisionRequest:
    """What provisioning is asked for: the same for each try, which makes it one request."""
    return ProvisionRequest(slug=row.slug, name=row.name, admin_email=row.email)


def make_workspace(sign_up: UUID) -> SignUpState | None:
    """Provision the tenant of a confirmed sign-up; return the state it is in afterwards.

    None: there is nothing to do, or another process is doing it.

    Locks: the sign-up's row, for moments; the tenant's lease while it is made.
    Transaction: opens its own on control and on the shard; forbids an open one.
    Idempotent: by sign-up. Killed anywhere, called twice, called by two at once: one tenant.

    Raises:
        UnknownSignUp: it was purged.
    """
    row = _begin(sign_up)
    if row is None:
        return None
    try:
        with _acting(sign_up):
            receipt = _provision(row)
    except BeingProvisioned:
        return None
    except (SlugTaken, DomainTaken, InvalidSlug) as error:
        log.info("sign-up %s lost its slug: %s", sign_up, error)
        return _finish(sign_up, SignUpState.CHOOSING, last_error=str(error))
    except (TenantError, PlacementError, SchemaError, MigrationToolsError) as error:
        log.warning("sign-up %s: %s", sign_up, error)
        return _finish(
            sign_up, SignUpState.FAILED, last_error=str(error), try_after=_next_try(row.tries)
        )
    return _ready(sign_up, receipt)


def retry_sign_up(sign_up: UUID, *, dry_run: bool = False) -> SignUp:
    """Let a failed sign-up be tried again now, as often as if it were new.

    dry_run: only look.

    Transaction: opens its own on control.
    Idempotent: a sign-up that is on its way is left as it is.

    Raises:
        UnknownSignUp: there is none.
    """
    with in_control():
        row = lock_sign_up(sign_up)
        if row.state == SignUpState.FAILED and not dry_run:
            SignUp.objects.using(CONTROL).filter(pk=row.pk).update(tries=0, try_after=Now())
    return SignUp.objects.using(CONTROL).get(pk=sign_up)


def _begin(sign_up: UUID) -> SignUp | None:
    with in_control():
        row = lock_sign_up(sign_up)
        state = SignUpState(row.state)
        if SignUpState.MAKING not in SIGN_UP_TRANSITIONS[state]:
            return None
        if state is SignUpState.FAILED and (
            row.try_after is None or row.try_after > timezone.now()
        ):
            return None
        if row.tries >= front_settings().tries:
            # Its tasks were killed each time: somebody should look.
            advance(row, SignUpState.FAILED, try_after=None)
            return None
        return advance(row, SignUpState.MAKING, tries=row.tries + 1, beat_at=Now())


def _provision(row: SignUp) -> ProvisionReceipt:
    request = request_of(row)

    def beat(line: str) -> None:
        SignUp.objects.using(CONTROL).filter(pk=row.pk).update(beat_at=Now())

    try:
        return provision_tenant(request, tell=beat)
    except (SlugTaken, DomainTaken):
        # Another task of this very sign-up may have claimed it between two looks of ours: then
        # it is found to be the same request now. Somebody else's is refused once more.
        plan = plan_provision(request)
        raise BeingProvisioned(row.slug, holder=plan.tenant_id) from None


def _ready(sign_up: UUID, receipt: ProvisionReceipt) -> SignUpState:
    try:
        return _finish(
            sign_up, SignUpState.READY, tenant=receipt.tenant_id, last_error="", try_after=None
        )
    except IntegrityError as error:
        # There was such a tenant before, and another sign-up has it.
        return _finish(sign_up, SignUpState.CHOOSING, last_error=without_rows(error))


def _finish(sign_up: UUID, to: SignUpState, **changes: Any) -> SignUpState:
    """Bring it to `to`, unless another task was faster and said how it ends."""
    with in_control():
        row = lock_sign_up(sign_up)
        found = SignUpState(row.state)
        if found is to or to not in SIGN_UP_TRANSITIONS[found]:
            return found
        advance(row, to, **changes)
    return to


def _next_try(tries: int) -> Any:
    if tries >= front_settings().tries:
        return None
    pause: timedelta = min(FIRST_PAUSE * (1 << min(tries - 1, 10)), LONGEST_PAUSE)
    return timezone.now() + pause


@contextmanager
def _acting(sign_up: UUID) -> Iterator[None]:
    before = actor.set(actor_of(sign_up))
    try:
        yield
    finally:
        actor.reset(before)
