"""What beat does for sign-ups: goes on where a task was lost, and forgets what is old."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from front.models import CONTROL, SignUp
from front.services.advancing import advance, in_control, lock_sign_up
from front.states import SignUpState

LOST_AFTER: Final = timedelta(seconds=45)
"""Longer than the lease of a tenant's making lasts without being renewed."""

MAILED_WITHIN: Final = timedelta(seconds=60)
CHOOSE_WITHIN: Final = timedelta(days=7)
FORGOTTEN_AFTER: Final = timedelta(days=30)
"""A sign-up that has come to an end; it holds somebody's address."""


def to_be_mailed() -> list[UUID]:
    """Sign-ups whose confirmation mail should have gone out by now: their task was lost."""
    now = timezone.now()
    return _ids(
        Q(
            state=SignUpState.WAITING,
            mailed_at=None,
            asked_at__lt=now - MAILED_WITHIN,
            token_until__gt=now,
        )
    )


def to_be_made() -> list[UUID]:
    """Sign-ups whose workspace nobody makes: the task was lost or killed, or a pause is over."""
    now = timezone.now()
    lost = now - LOST_AFTER
    return _ids(
        Q(state=SignUpState.CONFIRMED, changed_at__lt=lost)
        | Q(state=SignUpState.MAKING, beat_at__lt=lost)
        | Q(state=SignUpState.FAILED, try_after__lt=now)
    )


def to_be_told() -> list[UUID]:
    """Sign-ups that are ready, and nobody has told their people by mail."""
    lost = timezone.now() - LOST_AFTER
    return _ids(Q(state=SignUpState.READY, told_at=None, changed_at__lt=lost))


def purge_sign_ups() -> tuple[int, int]:
    """Expire what was not confirmed in time, delete what ended long ago; return how many of each.

    A failed one stays: half a tenant may hang on it, and a person should look.

    Locks: the row of each that expires.
    Transaction: opens its own on control.
    Idempotent.
    """
    now = timezone.now()
    late = _ids(
        Q(state=SignUpState.WAITING, token_until__lt=now)
        | Q(state=SignUpState.CHOOSING, changed_at__lt=now - CHOOSE_WITHIN)
    )
    expired = sum(_expire(each) for each in late)
    ended = SignUp.objects.using(CONTROL).filter(
        state__in=[SignUpState.READY, SignUpState.EXPIRED], changed_at__lt=now - FORGOTTEN_AFTER
    )
    return expired, int(ended.delete()[0])


def _expire(sign_up: UUID) -> bool:
    with in_control():
        row = lock_sign_up(sign_up)
        is_late = row.state == SignUpState.WAITING and row.token_until < timezone.now()
        if not is_late and row.state != SignUpState.CHOOSING:
            return False
        advance(row, SignUpState.EXPIRED)
    return True


def _ids(which: Q) -> list[UUID]:
    return list(
        SignUp.objects.using(CONTROL)
        .filter(which)
        .order_by("asked_at")
        .values_list("pk", flat=True)
    )
