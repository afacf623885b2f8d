"""Take in who wants a workspace, and have the address confirmed."""

import uuid
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from front.conf import front_settings
from front.errors import TooOften
from front.keys import confirmation_token, token_hash
from front.models import CONTROL, SignUp
from front.services.availability import check_can_be_had
from front.services.limits import HOUR, Limit, count
from front.states import SignUpState
from front.types import Wish


def ask_for_workspace(wish: Wish, *, visitor: str | None) -> tuple[UUID, bool]:
    """Note a wish; return its id, and whether a mail shall go out.

    Holds nothing: who confirms first gets the slug. Tells nothing about the address either: when
    too many mails went there lately, all looks as ever, but nothing is noted and nothing sent.

    Transaction: opens its own on control.
    Idempotent: by address and slug, as long as it is not confirmed.

    Raises:
        TooOften: by this visitor.
        SlugNotFree: with the reason.
    """
    count(Limit("sign-up", front_settings().sign_ups_per_hour, HOUR), visitor)
    check_can_be_had(wish.slug)
    if not may_mail(wish.email):
        return uuid.uuid4(), False
    return _note(wish), True


def may_mail(email: str) -> bool:
    """Whether strangers may make us send one more mail to this address; counts it."""
    try:
        count(Limit("mail", front_settings().mails_per_hour, HOUR), email)
    except TooOften:
        return False
    return True


def may_send_again(sign_up: UUID) -> bool:
    """Whether the confirmation mail of this sign-up can be sent once more; counts it."""
    row = SignUp.objects.using(CONTROL).filter(pk=sign_up, state=SignUpState.WAITING).first()
    return row is not None and may_mail(row.email)


def _note(wish: Wish) -> UUID:
    waiting = SignUp.objects.using(CONTROL).filter(
        email=wish.email, slug=wish.slug, state=SignUpState.WAITING
    )
    key = uuid.uuid4()
    try:
        with transaction.atomic(using=CONTROL):
            SignUp.objects.using(CONTROL).create(
                id=key,
                email=wish.email,
                name=wish.name,
                slug=wish.slug,
                token_hash=token_hash(confirmation_token(key)),
                token_until=timezone.now() + front_settings().confirm_within,
            )
    except IntegrityError:
        # The same form twice, or once more.
        waiting.update(
            name=wish.name,
            token_until=timezone.now() + front_settings().confirm_within,
            changed_at=Now(),
        )
        row = waiting.first()
        if row is None:
            raise
        return row.pk
    return key
