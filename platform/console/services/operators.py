"""Who the operators are: make one, list them, close an account, set a password."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Count, Q

from console.errors import InvalidOperator, OperatorExists, UnknownOperator
from console.models import CONTROL, Operator, TotpDevice
from sharding.placements.services.audit import record_audit

_LONGEST_NAME: Final = 150


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """One operator in a list."""

    email: str
    name: str
    is_active: bool
    has_factor: bool
    recovery_codes: int
    last_sign_in: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {
            "last_sign_in": self.last_sign_in.isoformat() if self.last_sign_in else None
        }


@dataclass(frozen=True, slots=True)
class NewOperator:
    """What is told once, when an operator is made."""

    operator: Operator
    password: str
    device: TotpDevice


def normalise_address(email: str) -> str:
    """The form in which addresses are stored and looked up."""
    return email.strip().lower()


def get_operator(email: str) -> Operator:
    """The operator with this address.

    Raises:
        UnknownOperator: there is none.
    """
    rows = Operator.objects.using(CONTROL)
    found: Operator | None = rows.filter(email=normalise_address(email)).first()
    if found is None:
        raise UnknownOperator(email)
    return found


def check_new_operator(email: str, password: str, *, name: str = "") -> Operator:
    """The operator that `create_operator` would make. Changes nothing.

    Raises:
        InvalidOperator, OperatorExists: it would not.
    """
    address = normalise_address(email)
    try:
        validate_email(address)
    except ValidationError as error:
        raise InvalidOperator(f"{email[:80]!r} is no e-mail address.") from error
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidOperator(f"The name is no line of at most {_LONGEST_NAME} characters.")
    operator = Operator(email=address, name=name)
    check_password_strength(password, operator)
    if Operator.objects.using(CONTROL).filter(email=address).exists():
        raise OperatorExists(address)
    return operator


def create_operator(email: str, *, name: str = "", password: str = "") -> NewOperator:
    """Make an operator with a second factor; without a password one is made up.

    Transaction: opens one on control.

    Raises:
        InvalidOperator, OperatorExists: nothing was changed.
    """
    chosen = password or make_up_password()
    operator = check_new_operator(email, chosen, name=name)
    operator.set_password(chosen)
    try:
        with transaction.atomic(using=CONTROL):
            operator.save(using=CONTROL, force_insert=True)
            device = TotpDevice(user=operator, name="first")
            device.save(using=CONTROL)
            record_audit("operator.create", operator.actor, after={"name": name})
    except IntegrityError as error:
        raise OperatorExists(operator.email) from error
    return NewOperator(operator, chosen, device)


def list_operators() -> list[OperatorLine]:
    """All operators by address."""
    rows = Operator.objects.using(CONTROL).annotate(
        factors=Count("devices", filter=Q(devices__confirmed=True), distinct=True),
        codes=Count("recovery_codes", filter=Q(recovery_codes__used_at=None), distinct=True),
    )
    return [
        OperatorLine(
            email=row.email,
            name=row.name,
            is_active=row.is_active,
            has_factor=row.factors > 0,
            recovery_codes=row.codes,
            last_sign_in=row.last_login,
        )
        for row in rows.order_by("email")
    ]


def set_active(email: str, *, active: bool) -> Operator:
    """Close an operator's account, with all sessions, or open it again.

    Locks: the operator's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownOperator: nothing was changed.
    """
    found = get_operator(email)
    with transaction.atomic(using=CONTROL):
        operator: Operator = Operator.objects.using(CONTROL).select_for_update().get(pk=found.pk)
        if operator.is_active == active:
            return operator
        operator.is_active = active
        operator.save(using=CONTROL, update_fields=["is_active"])
        operator.sessions.all().delete()
        record_audit(
            "operator.enable" if active else "operator.disable",
            operator.actor,
            before={"active": not active},
            after={"active": active},
        )
    return operator


def set_operator_password(operator: Operator, password: str) -> None:
    """Give an operator another password; sessions that the old one opened have ended by that.

    Transaction: any on control.

    Raises:
        InvalidOperator: it is too weak; nothing was changed.
    """
    check_password_strength(password, operator)
    with transaction.atomic(using=CONTROL):
        operator.set_password(password)
        operator.save(using=CONTROL, update_fields=["password"])
        record_audit("operator.password", operator.actor)


def check_password_strength(password: str, operator: Operator) -> None:
    """Refuse what is easily guessed.

    Raises:
        InvalidOperator: with the reasons.
    """
    try:
        # Validators look at its fields; that it is no user of a tenant is nothing to them.
        validate_password(password, user=cast(Any, operator))
    except ValidationError as error:
        raise InvalidOperator(f"The password is too weak: {' '.join(error.messages)}") from error


def make_up_password() -> str:
    """A password that nobody guesses."""
    return secrets.token_urlsafe(15)
