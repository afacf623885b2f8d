"""What operators change about how they sign in: with both factors shown once more, each time."""

from typing import Final

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone

from console.errors import SignInExpired
from console.models import CONTROL, Operator, TotpDevice
from console.services.factors import (
    begin_device,
    begun_device,
    confirm_device,
    make_recovery_codes,
)
from console.services.operators import check_password_strength, set_operator_password
from console.services.sign_in import CODE_WITHIN, BothFactors, prove_again, stay_signed_in
from console.sessions import end_other_sessions

_NEW_DEVICE: Final = "new_device"
_BEGUN_AT: Final = "new_device_at"


def change_password(session: SessionBase, operator: Operator, new: str, shown: BothFactors) -> None:
    """Give an operator another password; all sessions but this one end.

    Transaction: opens its own on control; must not be called inside one.

    Raises:
        InvalidOperator: the new one is too weak; no code was used up.
        SignInRefused, WrongCode: see `prove_again`; nothing was changed.
    """
    check_password_strength(new, operator)
    prove_again(session, operator, shown)
    with transaction.atomic(using=CONTROL):
        set_operator_password(operator, new)
        end_other_sessions(session, operator)
    stay_signed_in(session, operator)


def start_device(session: SessionBase, operator: Operator, shown: BothFactors) -> None:
    """Begin a new device, whose secret this session may see for a few minutes.

    Raises:
        SignInRefused, WrongCode: see `prove_again`; nothing was changed.
    """
    prove_again(session, operator, shown)
    session[_NEW_DEVICE] = begin_device(operator).pk
    session[_BEGUN_AT] = timezone.now().timestamp()


def started_device(session: SessionBase, operator: Operator) -> TotpDevice:
    """The device that this session has begun. Changes nothing.

    Raises:
        SignInExpired: none, or too long ago, or another session has begun one since then.
    """
    key, at = session.get(_NEW_DEVICE), session.get(_BEGUN_AT, 0)
    recent = timezone.now().timestamp() - at <= CODE_WITHIN.total_seconds()
    device = begun_device(operator, key) if key and recent else None
    if device is None:
        raise SignInExpired
    return device


def finish_device(session: SessionBase, operator: Operator, code: str) -> None:
    """Let the device that this session has begun take the old one's place.

    Transaction: opens its own on control; must not be called inside one.

    Raises:
        SignInExpired: see `started_device`; the old one stays.
        WrongCode: the code is not the new device's; the old one stays.
    """
    started_device(session, operator)
    confirm_device(operator, code, session=session)
    session.pop(_NEW_DEVICE)
    session.pop(_BEGUN_AT)
    session.cycle_key()


def renew_recovery_codes(session: SessionBase, operator: Operator, shown: BothFactors) -> list[str]:
    """New recovery codes; those of before are void.

    Raises:
        SignInRefused, WrongCode: see `prove_again`; those of before stay good.
    """
    prove_again(session, operator, shown)
    return make_recovery_codes(operator)
