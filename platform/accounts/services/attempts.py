"""Count what was tried, in the tenant's own database, and refuse those who try too often."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.conf import account_settings
from accounts.errors import TooManyAttempts
from accounts.managers import UserManager
from accounts.models import SignInAttempt
from routers.signing import scoped_salt

_TRIM_EVERY: Final = 100
"""Rows; the table may exceed its bound by so many."""


class Purpose(StrEnum):
    """What is tried. Each counts by itself against an address, and all against an IP address."""

    SIGN_IN = "sign-in"
    RESET = "reset"


def begin_attempt(address: str, *, ip: str | None, purpose: Purpose) -> SignInAttempt:
    """Write down that somebody tries something as `address`, or refuse.

    Written before anything is found out, as a failure: what then crashes, is rolled back or runs
    beside a hundred others has been counted. Known and unknown addresses are treated alike.

    Transaction: opens its own, and must not be called inside one, which could take it back.

    Raises:
        TooManyAttempts: of this address, or from this IP address; nothing was written.
    """
    hashed = hash_address(address, purpose)
    limit = (
        account_settings().attempts_per_address
        if purpose is Purpose.SIGN_IN
        else account_settings().resets_per_address
    )
    # Looked at first, so that a flood against a closed door writes nothing.
    _refuse_over(hashed, ip, limit=limit, mine=0)
    with transaction.atomic(durable=True):
        attempt = SignInAttempt.objects.create(address_hash=hashed, ip=ip, at=timezone.now())
        _trim(attempt)
    try:
        # Others may have come in between; now that mine is there for all to see, one counts right.
        _refuse_over(hashed, ip, limit=limit, mine=1)
    except TooManyAttempts:
        attempt.delete()
        raise
    return attempt


def end_well(attempt: SignInAttempt) -> None:
    """It was the person themself: their failures from there count no more."""
    SignInAttempt.objects.filter(pk=attempt.pk).update(succeeded=True)
    SignInAttempt.objects.filter(
        address_hash=attempt.address_hash, ip=attempt.ip, succeeded=False
    ).delete()


def forgive(address: str) -> None:
    """Open the door to an address again, whose owner has shown that they read its mail."""
    for purpose in Purpose:
        SignInAttempt.objects.filter(address_hash=hash_address(address, purpose)).delete()


def purge_attempts() -> int:
    """Delete what counts against nobody any more; return how many rows went."""
    deleted, _ = SignInAttempt.objects.filter(at__lte=_counts_from()).delete()
    return deleted


def hash_address(address: str, purpose: Purpose) -> str:
    """What is kept in place of an address that somebody typed, who may not be a member."""
    normal = UserManager.normalize_email(address)
    salt = scoped_salt(f"accounts.attempts.{purpose}")
    return salted_hmac(salt, normal, algorithm="sha256").hexdigest()


def _refuse_over(hashed: str, ip: str | None, *, limit: int, mine: int) -> None:
    failed = SignInAttempt.objects.filter(at__gt=_counts_from(), succeeded=False)
    _refuse_if_over(failed.filter(address_hash=hashed), limit + mine)
    if ip is not None:
        _refuse_if_over(failed.filter(ip=ip), account_settings().attempts_per_ip + mine)


def _refuse_if_over(failed: QuerySet[SignInAttempt], limit: int) -> None:
    """Refuse when there are `limit` failures; says when the first of the newest of them is old."""
    newest = list(failed.order_by("-at").values_list("at", flat=True)[:limit])
    if len(newest) >= limit:
        raise TooManyAttempts(max(timedelta(0), newest[-1] - _counts_from()))


def _counts_from() -> datetime:
    return timezone.now() - account_settings().attempts_within


def _trim(attempt: SignInAttempt) -> None:
    """Keep the table small, whoever floods it: the key says which rows are old."""
    if attempt.pk % _TRIM_EVERY == 0:
        oldest = attempt.pk - account_settings().attempts_kept
        SignInAttempt.objects.filter(pk__lte=oldest).delete()
