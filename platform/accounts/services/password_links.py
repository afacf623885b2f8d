"""Links that set a password: good once, for an hour, for one person of one tenant."""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse

from accounts.errors import LinkNotGood
from accounts.managers import UserManager
from accounts.models import User
from accounts.services.api_tokens import revoke_tokens
from accounts.services.attempts import Purpose, begin_attempt
from accounts.services.passwords import set_password
from routers.signing import ScopedSalt
from tenants.links import tenant_url
from tenants.mail import LateLink, queue_mail

LINK_KIND: Final = "password-reset"


class _Tokens(PasswordResetTokenGenerator):
    """Django's: a token dies with its hour, the password, the next sign-in.

    The tenant is in the salt, and "sign out everywhere" in what is signed.
    """

    key_salt = ScopedSalt("accounts.password_links")

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.sign_outs}"


_tokens: Final = _Tokens()


def make_password_path(user: User) -> str:
    """The path, on the tenant's host, of the page where `user` sets a password."""
    return reverse(
        "accounts:password_set",
        urlconf=settings.ROOT_URLCONF,  # also when asked from a page of the public host
        kwargs={"pk": user.pk, "token": _tokens.make_token(user)},
    )


def find_by_link(pk: UUID, token: str) -> User:
    """The active member whose link this is.

    Raises:
        LinkNotGood: used, expired, another tenant's, or never made.
    """
    return _check(User.objects.filter(pk=pk, is_active=True).first(), token)


def set_password_by_link(pk: UUID, token: str, *, password: str, ends_tokens: bool = False) -> User:
    """Use a link up, and revoke all tokens of the API if told to; return whose it was.

    Locks: the user's row, so that a link which two people have opens for one of them.
    Transaction: opens one.

    Raises:
        LinkNotGood: nothing was changed.
    """
    with transaction.atomic():
        users = User.objects.select_for_update(of=("self",))
        user = _check(users.filter(pk=pk, is_active=True).first(), token)
        set_password(user, password)
        if ends_tokens:
            revoke_tokens(user)
    return user


def request_reset(address: str, *, ip: str | None) -> None:
    """Send a link to `address` if a member has it; tell the caller nothing either way.

    Whether anybody has the address is looked up when the mail is written, not here, so that the
    time which this takes tells nothing either.

    Transaction: forbids one; the request must stay counted.

    Raises:
        TooManyAttempts: for this address or from there; known or not.
    """
    email = UserManager.normalize_email(address)
    begin_attempt(email, ip=ip, purpose=Purpose.RESET)
    with transaction.atomic():
        queue_mail("accounts/password_reset", to=email, link=LateLink(LINK_KIND, email))


def make_reset_link(email: str) -> str | None:
    """The link for the mail to `email`; None when it is no active member's."""
    user = User.objects.filter(email=email, is_active=True).first()
    return None if user is None else tenant_url(make_password_path(user))


def _check(user: User | None, token: str) -> User:
    if user is None or not _tokens.check_token(user, token):
        raise LinkNotGood
    return user
