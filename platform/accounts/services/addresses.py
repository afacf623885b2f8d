"""Change the address with which a member signs in, once the new one has answered."""

import hashlib
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.errors import AlreadyMember, LinkNotGood, WrongCredentials
from accounts.managers import UserManager
from accounts.models import User
from accounts.services.attempts import Purpose, begin_attempt
from accounts.services.member_address import tell_address
from accounts.services.sign_in import identify
from tenants.links import tenant_url
from tenants.mail import LateLink, queue_mail
from tenants.visitors import visitor_ip

LINK_KIND: Final = "address-change"

_SALT: Final = "accounts.address_change"


def request_address(request: HttpRequest, user: User, *, address: str, password: str) -> None:
    """Send a link to the new address; with it the change is made.

    Whether somebody has that address already is not said here, only to whoever reads its mail.

    Transaction: forbids one; the attempt must stay counted.

    Raises:
        WrongCredentials: that is not the password of `user`.
        TooManyAttempts: nobody looked, or that address was sent enough mail.
    """
    email = UserManager.normalize_email(address)
    if identify(request, email=user.email, password=password) != user:
        raise WrongCredentials
    begin_attempt(email, ip=visitor_ip(request), purpose=Purpose.RESET)
    with transaction.atomic():
        queue_mail(
            "accounts/address_confirm",
            to=email,
            context={"by": str(user), "before": user.email},
            link=LateLink(LINK_KIND, f"{user.pk} {email}"),
        )


def make_address_link(subject: str) -> str | None:
    """The link for the mail; None when the member is let in no more."""
    pk, _, email = subject.partition(" ")
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None:
        return None
    # The tenant is in every signature.
    token = signing.dumps({"user": pk, "email": email, "now": _state(user)}, salt=_SALT)
    path = reverse(
        "accounts:address_confirm", urlconf=settings.ROOT_URLCONF, kwargs={"token": token}
    )
    return tenant_url(path)


def read_address_link(token: str) -> tuple[User, str]:
    """Whose address a link changes, and to what.

    Raises:
        LinkNotGood: used, expired, another tenant's, or never made.
    """
    told = _read(token)
    return _check(User.objects.filter(pk=told["user"], is_active=True).first(), told)


def change_address_by_link(token: str) -> User:
    """Make the change that a link stands for; tells the address of before.

    Locks: the user's row.
    Transaction: opens one.

    Raises:
        LinkNotGood: nothing was changed.
        AlreadyMember: another member has the address; nothing was changed.
    """
    told = _read(token)
    with transaction.atomic():
        users = User.objects.select_for_update(of=("self",))
        user, email = _check(users.filter(pk=told["user"], is_active=True).first(), told)
        before, user.email = user.email, email
        try:
            with transaction.atomic():
                user.save(update_fields=["email"])
        except IntegrityError as error:
            raise AlreadyMember(email) from error
        tell_address(user)
        queue_mail("accounts/address_changed", to=before, context={"after": email})
    return user


def _read(token: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = signing.loads(
            token, salt=_SALT, max_age=settings.PASSWORD_RESET_TIMEOUT
        )
        UUID(told["user"])
    except (signing.BadSignature, ValueError) as error:
        raise LinkNotGood from error
    return told


def _check(user: User | None, told: dict[str, Any]) -> tuple[User, str]:
    if user is None or not constant_time_compare(told["now"], _state(user)):
        raise LinkNotGood
    return user, told["email"]


def _state(user: User) -> str:
    """What makes a link void when it changes: the address by its use, the others by caution."""
    now = f"{user.email} {user.password} {user.sign_outs}"
    return hashlib.sha256(now.encode()).hexdigest()[:32]
