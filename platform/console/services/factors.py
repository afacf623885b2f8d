"""The second factor: codes by time from a device, and recovery codes for when it is lost."""

import base64
import hashlib
import re
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from console.errors import WrongCode
from console.models import CONTROL, Operator, RecoveryCode, TotpDevice
from console.services.operators import get_operator, make_up_password, set_operator_password
from console.sessions import end_other_sessions
from sharding.placements.services.audit import record_audit

_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
_RECOVERY_FORM: Final = re.compile(r"[a-z2-7]{16}")


class Proof(StrEnum):
    """With what somebody showed the second factor."""

    DEVICE = "device"
    RECOVERY_CODE = "recovery code"


def secret_of(device: TotpDevice) -> str:
    """The secret as apps want it typed."""
    return base64.b32encode(bytes.fromhex(device.key)).decode()


def address_of(device: TotpDevice) -> str:
    """The secret as an address that apps read from a QR code."""
    issuer = f"Atoll {settings.ATOLL_BASE_DOMAIN}"
    label = quote(f"{issuer}:{device.user.email}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret_of(device), 'issuer': issuer})}"


def picture_of(device: TotpDevice) -> str:
    """The address as an SVG element without style or script."""
    return str(
        segno.make(address_of(device), error="m").svg_inline(scale=5, border=4, light="#fff")
    )


def check_code(operator: Operator, typed: str) -> Proof:
    """Use up a code of the operator's device, or a recovery code.

    Locks: the device's row, so that of two requests with one code only one has it.
    Transaction: opens its own on control; must not be called inside one, which might roll the
        counting of wrong codes back.

    Raises:
        WrongCode: neither.
    """
    code = re.sub(r"[\s-]", "", typed).lower()
    if _RECOVERY_FORM.fullmatch(code):
        return _use_recovery_code(operator, code)
    with transaction.atomic(using=CONTROL, durable=True):
        device = _locked(operator, confirmed=True)
        wait = timedelta(0)
        right = False
        if device is not None:
            wait = _wait_of(device)
            right = device.verify_token(code)
    if not right:
        raise WrongCode(wait)
    return Proof.DEVICE


def begin_device(operator: Operator) -> TotpDevice:
    """A device that may take the present one's place once it has shown a right code.

    One that was begun before is dropped: somebody else may have seen its secret.

    Locks: the operator's row.
    Transaction: opens one on control.
    """
    with transaction.atomic(using=CONTROL):
        Operator.objects.using(CONTROL).select_for_update().get(pk=operator.pk)
        _devices(operator).filter(confirmed=False).delete()
        device = TotpDevice(user=operator, name="new", confirmed=False)
        device.save(using=CONTROL)
    return device


def begun_device(operator: Operator, key: int) -> TotpDevice | None:
    """The device that was begun, if it is still waiting for its first code."""
    return _devices(operator).filter(pk=key, confirmed=False).first()


def confirm_device(operator: Operator, typed: str, *, session: SessionBase) -> None:
    """Let the new device take the old one's place; all sessions but this one end.

    Locks: the new device's row.
    Transaction: opens its own on control; must not be called inside one.

    Raises:
        WrongCode: the code is not the new device's, or there is none; the old one stays.
    """
    code = re.sub(r"[\s-]", "", typed)
    wait = timedelta(0)
    with transaction.atomic(using=CONTROL, durable=True):
        device = _locked(operator, confirmed=False)
        right = False
        if device is not None:
            wait = _wait_of(device)
            right = device.verify_token(code)
        if device is not None and right:
            _devices(operator).filter(confirmed=True).delete()
            device.confirmed = True
            device.save(using=CONTROL, update_fields=["confirmed"])
            end_other_sessions(session, operator)
            record_audit("operator.factor", operator.actor, after={"device": device.pk})
    if not right:
        raise WrongCode(wait)


def make_recovery_codes(operator: Operator) -> list[str]:
    """New recovery codes, each good once; those of before are void. They are shown this once.

    Transaction: opens one on control.
    """
    raw = [secrets.token_bytes(_RECOVERY_BYTES) for _ in range(_RECOVERY_CODES)]
    codes = [base64.b32encode(each).decode().lower() for each in raw]
    with transaction.atomic(using=CONTROL):
        RecoveryCode.objects.using(CONTROL).filter(operator=operator).delete()
        RecoveryCode.objects.using(CONTROL).bulk_create(
            RecoveryCode(operator=operator, digest=_digest(code)) for code in codes
        )
        record_audit("operator.recovery-codes", operator.actor, after={"codes": len(codes)})
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def recovery_codes_left(operator: Operator) -> int:
    """How many recovery codes are not used yet."""
    return RecoveryCode.objects.using(CONTROL).filter(operator=operator, used_at=None).count()


def reset_factor(email: str, *, new_password: bool = False) -> tuple[TotpDevice, str]:
    """Give an operator a new device; the old one, recovery codes and sessions are void.

    Return the device and the new password, empty if none was wanted.

    Locks: the operator's row.
    Transaction: opens one on control.

    Raises:
        UnknownOperator: nothing was changed.
    """
    found = get_operator(email)
    password = make_up_password() if new_password else ""
    with transaction.atomic(using=CONTROL):
        operator: Operator = Operator.objects.using(CONTROL).select_for_update().get(pk=found.pk)
        _devices(operator).delete()
        operator.recovery_codes.all().delete()
        operator.sessions.all().delete()
        device = TotpDevice(user=operator, name="reset")
        device.save(using=CONTROL)
        record_audit("operator.factor-reset", operator.actor, after={"device": device.pk})
        if password:
            set_operator_password(operator, password)
    return device, password


def _use_recovery_code(operator: Operator, code: str) -> Proof:
    # One statement finds and uses it, so that two requests cannot both have it.
    used = (
        RecoveryCode.objects.using(CONTROL)
        .filter(operator=operator, digest=_digest(code), used_at=None)
        .update(used_at=timezone.now())
    )
    if not used:
        raise WrongCode
    return Proof.RECOVERY_CODE


def _devices(operator: Operator) -> QuerySet[TotpDevice, Any]:
    return TotpDevice.objects.using(CONTROL).filter(user=operator)


def _locked(operator: Operator, *, confirmed: bool) -> TotpDevice | None:
    device: TotpDevice | None = (
        _devices(operator).select_for_update().filter(confirmed=confirmed).first()
    )
    return device


def _wait_of(device: TotpDevice) -> timedelta:
    allowed, why = device.verify_is_allowed()
    if allowed:
        return timedelta(0)
    wait: timedelta = why["locked_until"] - timezone.now()
    return wait


def _digest(code: str) -> str:
    # 80 random bits: nobody tries them all, so no slow hash is needed.
    return hashlib.sha256(code.encode()).hexdigest()
