"""Signing in: password, then code; wrong ones lock the address for a while."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from console.conf import console_settings
from console.errors import SignInExpired, SignInRefused, TooManyFailures, WrongCode
from console.models import CONTROL, Operator, SignInFailure
from console.services.factors import Proof, check_code
from console.services.operators import normalise_address
from console.sessions import OPERATOR
from sharding.placements.services.audit import record_audit

CODE_WITHIN: Final = timedelta(minutes=5)
"""How long after the password a code is still taken."""

KEPT_FOR: Final = timedelta(days=1)
_IPS_PER_ADDRESS: Final = 4
_PASSWORD_AT: Final = "password_at"
_SIGNED_IN: Final = "signed_in"
_HASH: Final = "hash"
_UNKNOWN: Final = "operator:unknown"


@dataclass(frozen=True, slots=True)
class BothFactors:
    """What somebody who has signed in shows once more, and from where."""

    password: str = field(repr=False)
    code: str = field(repr=False)
    ip: str | None


class AnonymousOperator:
    """Nobody who has signed in; stands where pages look for an operator."""

    pk = None
    email = ""
    name = ""
    is_active = False
    is_authenticated = False
    is_anonymous = True


def operator_of(session: SessionBase) -> Operator | AnonymousOperator:
    """Who has signed in to this session with password and code, and may still."""
    if not session.get(_SIGNED_IN):
        return AnonymousOperator()
    return _named_in(session) or AnonymousOperator()


def waiting_for_code(session: SessionBase) -> Operator:
    """Who has given the right password and no code yet.

    Raises:
        SignInExpired: nobody, or that was too long ago.
    """
    at = session.get(_PASSWORD_AT)
    operator = _named_in(session)
    if operator is None or at is None or timezone.now().timestamp() - at > CODE_WITHIN.seconds:
        raise SignInExpired
    return operator


def give_password(session: SessionBase, email: str, password: str, *, ip: str | None) -> None:
    """The first half: remember in a new session who has given the right password.

    Raises:
        TooManyFailures: nothing was looked at.
        SignInRefused: the same for an unknown address, a wrong password and a closed account.
    """
    address = normalise_address(email)
    failure = _count_in_advance(address, ip)
    operator: Operator | None = Operator.objects.using(CONTROL).filter(email=address).first()
    if operator is None:
        # Takes as long as a real one, so that the time tells nobody who is an operator.
        Operator().set_password(password)
    if operator is None or not operator.check_password(password) or not operator.is_active:
        # An unknown address is not kept: it may be a password in the wrong field.
        _record_failure(operator.actor if operator else _UNKNOWN, "password", ip)
        raise SignInRefused
    failure.delete()
    session.flush()
    session[OPERATOR] = str(operator.pk)
    session[_HASH] = operator.get_session_auth_hash()
    session[_PASSWORD_AT] = timezone.now().timestamp()


def give_code(session: SessionBase, typed: str, *, ip: str | None) -> Operator:
    """The second half: from here on the session is the operator's, under a new key.

    Raises:
        SignInExpired: no password was given, or too long ago.
        TooManyFailures: nothing was looked at.
        WrongCode: it is not right, or was used before.
    """
    operator = waiting_for_code(session)
    failure = _count_in_advance(operator.email, ip)
    try:
        proof = check_code(operator, typed)
    except WrongCode:
        _record_failure(operator.actor, "code", ip)
        raise
    failure.delete()
    _failures().filter(address=_digest(operator.email)).delete()
    session.cycle_key()
    session.pop(_PASSWORD_AT)
    session[_SIGNED_IN] = True
    operator.last_login = timezone.now()
    operator.save(using=CONTROL, update_fields=["last_login"])
    facts = {"ip": ip, "with": str(proof)}
    record_audit("operator.sign-in", operator.actor, after=facts, by=operator.actor)
    if proof is Proof.RECOVERY_CODE:
        session["notice"] = (
            "You have used up a recovery code. If your device is lost, set up another one now."
        )
    return operator


def prove_again(session: SessionBase, operator: Operator, shown: BothFactors) -> None:
    """Make sure that who uses a session is its operator and nobody who has got hold of its key.

    What is wrong counts towards the lock, as in signing in. The session goes on under a new key.

    Raises:
        TooManyFailures: nothing was looked at.
        SignInRefused: the password is wrong.
        WrongCode: the code is not right, or was used before.
    """
    failure = _count_in_advance(operator.email, shown.ip)
    if not operator.check_password(shown.password):
        _record_failure(operator.actor, "password again", shown.ip)
        raise SignInRefused("This is not your present password.")
    try:
        check_code(operator, shown.code)
    except WrongCode:
        _record_failure(operator.actor, "code again", shown.ip)
        raise
    failure.delete()
    session.cycle_key()


def stay_signed_in(session: SessionBase, operator: Operator) -> None:
    """Keep this session, under a new key, after its operator has changed the password."""
    session.cycle_key()
    session[_HASH] = operator.get_session_auth_hash()


def sign_out(session: SessionBase, operator: Operator) -> None:
    """End the session."""
    session.flush()
    record_audit("operator.sign-out", operator.actor, by=operator.actor)


def purge_failures() -> int:
    """Forget failures that lock nobody any more; return how many."""
    deleted, _ = _failures().filter(at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted


def _named_in(session: SessionBase) -> Operator | None:
    key = session.get(OPERATOR)
    operators = Operator.objects.using(CONTROL).filter(is_active=True)
    operator: Operator | None = operators.filter(pk=key).first() if key else None
    if operator is None:
        return None
    # Another password since then: whoever knew the old one is out.
    same = constant_time_compare(session.get(_HASH, ""), operator.get_session_auth_hash())
    return operator if same else None


def _count_in_advance(address: str, ip: str | None) -> SignInFailure:
    """Write a failure down before anything is looked at, and take it back when there is none.

    So a thousand requests at once have no more tries than one after the other.
    """
    conf = console_settings()
    failure: SignInFailure = _failures().create(address=_digest(address), ip=ip)
    recent = _failures().filter(at__gt=timezone.now() - conf.locked_for)
    by_address = recent.filter(address=failure.address).count()
    by_ip = recent.filter(Q(ip=ip) & Q(ip__isnull=False)).count()
    if by_address > conf.failures or by_ip > conf.failures * _IPS_PER_ADDRESS:
        # Not counted: the lock ends at its time, however often somebody knocks.
        failure.delete()
        raise TooManyFailures(conf.locked_for)
    return failure


def _record_failure(subject: str, stage: str, ip: str | None) -> None:
    facts = {"ip": ip, "stage": stage}
    record_audit("operator.sign-in-failed", subject, after=facts, by="console")


def _failures() -> QuerySet[SignInFailure, Any]:
    return SignInFailure.objects.using(CONTROL)


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
