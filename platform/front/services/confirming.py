"""From the click in the mail to a slug that is held."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from front.errors import LinkVoid, SlugNotFree, WrongSignUpState
from front.keys import token_hash
from front.models import CONTROL, SignUp
from front.services.advancing import advance, in_control, lock_sign_up
from front.services.availability import availability_of
from front.states import SignUpState
from front.types import Answer, Availability


def find_by_token(token: str) -> SignUp:
    """The sign-up whose confirmation link says `token`, whatever its state.

    Raises:
        LinkVoid: there is none, it was not used in time, or its workspace was entered since.
    """
    row = SignUp.objects.using(CONTROL).filter(token_hash=token_hash(token)).first()
    if row is None or row.state == SignUpState.EXPIRED or row.entered_at is not None:
        raise LinkVoid
    if row.token_until < timezone.now():
        raise LinkVoid
    return row


def confirm_sign_up(token: str) -> SignUp:
    """Believe that the address is theirs, and hold the slug if it is still free.

    The result is CONFIRMED, or CHOOSING if somebody else was faster.

    Locks: the sign-up's row.
    Transaction: opens its own on control.
    Idempotent: a second call changes nothing and returns the sign-up as it is by then.

    Raises:
        LinkVoid: nothing was changed.
    """
    found = find_by_token(token)
    with in_control():
        row = lock_sign_up(found.pk)
        if row.state != SignUpState.WAITING:
            return row
        now = timezone.now()
        if _why_not(row, row.slug, confirmed_at=now) is None:
            return SignUp.objects.using(CONTROL).get(pk=row.pk)
        return advance(row, SignUpState.CHOOSING, confirmed_at=now)


def choose_slug(sign_up: UUID, slug: str) -> SignUp:
    """Take another slug for a confirmed sign-up that came too late for its first one.

    Locks: the sign-up's row.
    Transaction: opens its own on control.
    Idempotent: the same choice again returns the sign-up as it is.

    Raises:
        UnknownSignUp, WrongSignUpState: nothing was changed.
        SlugNotFree: with the reason; nothing was changed.
    """
    with in_control():
        row = lock_sign_up(sign_up)
        if row.state in (SignUpState.CONFIRMED, SignUpState.MAKING) and row.slug == slug:
            return row
        if row.state != SignUpState.CHOOSING:
            raise WrongSignUpState(row.pk, found=row.state, wanted=SignUpState.CONFIRMED)
        why = _why_not(row, slug)
        if why is not None:
            raise SlugNotFree(why)
        return SignUp.objects.using(CONTROL).get(pk=row.pk)


def _why_not(row: SignUp, slug: str, **changes: Any) -> Answer | None:
    """Hold `slug` for a locked sign-up, or say why it cannot be had."""
    try:
        with transaction.atomic(using=CONTROL):
            advance(row, SignUpState.CONFIRMED, slug=slug, tries=0, **changes)
            # Only now, with the slug held: whoever held it before has made its tenant since, and
            # that is seen, or has not held it.
            answer = availability_of(slug, but_for=row)
            if answer.is_free:
                return None
            raise SlugNotFree(answer)
    except SlugNotFree as error:
        return error.answer
    except IntegrityError:
        return Answer(
            slug, Availability.TAKEN, "Somebody has this address already. Please choose another."
        )
