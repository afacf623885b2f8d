"""The one place where a sign-up gets another state."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from front.errors import UnknownSignUp, WrongSignUpState
from front.models import CONTROL, SignUp
from front.states import SIGN_UP_TRANSITIONS, SignUpState
from sharding.placements.services.audit import record_audit


def lock_sign_up(sign_up: UUID) -> SignUp:
    """The sign-up's row, locked.

    Transaction: needs one on control.

    Raises:
        UnknownSignUp: it is not there, or not any more.
    """
    found = SignUp.objects.using(CONTROL).select_for_update().filter(pk=sign_up).first()
    if found is None:
        raise UnknownSignUp(sign_up)
    return found


def check_transition(row: SignUp, to: SignUpState) -> None:
    """Raise unless the table lets `row` become `to`.

    Raises:
        WrongSignUpState: it does not.
    """
    found = SignUpState(row.state)
    if to not in SIGN_UP_TRANSITIONS[found]:
        raise WrongSignUpState(row.pk, found=found, wanted=to)


def advance(row: SignUp, to: SignUpState, *, by: str | None = None, **changes: Any) -> SignUp:
    """Bring a locked sign-up into state `to`, with `changes` of other fields; return it anew.

    What follows the confirmation is audited, by id: an audit is kept for ever, an address is not.
    As who acted it names the sign-up itself, unless `by` says who (empty: whoever runs this).

    Transaction: needs the one on control in which the row was locked.

    Raises:
        WrongSignUpState: the table of transitions does not allow it.
        IntegrityError: another sign-up holds the slug; the caller's savepoint is rolled back.
    """
    check_transition(row, to)
    found = SignUpState(row.state)
    rows = SignUp.objects.using(CONTROL).filter(pk=row.pk)
    rows.update(state=to, changed_at=Now(), **changes)
    # Not what strangers can make happen as often as they like.
    never_confirmed = found is SignUpState.WAITING and to is SignUpState.EXPIRED
    if to is not found and not never_confirmed:
        record_audit(
            f"sign_up.{to}",
            str(row.pk),
            before={"state": str(found)},
            after={"state": str(to), "slug": changes.get("slug", row.slug)},
            by=actor_of(row.pk) if by is None else by,
        )
    return rows.get()


def actor_of(sign_up: UUID) -> str:
    """Who the audit says acted: somebody who signs up has no account yet."""
    return f"sign-up:{sign_up}"


def in_control() -> transaction.Atomic:
    """A transaction of its own on control."""
    return transaction.atomic(using=CONTROL, durable=True)
