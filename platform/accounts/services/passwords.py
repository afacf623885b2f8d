"""Change a password."""

from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest

from accounts.errors import WrongCredentials
from accounts.models import User
from accounts.services.attempts import forgive
from accounts.services.sign_in import identify
from tenants.mail import queue_mail


def set_password(user: User, password: str) -> None:
    """Give `user` a new password; all sessions end, failed attempts to sign in are forgiven.

    Tells the member by mail, since it may not have been they who did it.

    Transaction: opens one.
    """
    with transaction.atomic():
        is_first = not user.has_usable_password()
        user.set_password(password)
        user.save(update_fields=["password"])
        forgive(user.email)
        if not is_first:
            queue_mail("accounts/password_changed", to=user.email)


def change_password(request: HttpRequest, user: User, *, old: str, new: str) -> None:
    """Let `user` change the own password; the own session goes on, under another key.

    Transaction: forbids one, since the old password is an attempt like one to sign in.

    Raises:
        WrongCredentials: the old password is another; nothing was changed.
        TooManyAttempts: nobody looked; nothing was changed.
    """
    if identify(request, email=user.email, password=old) != user:
        raise WrongCredentials
    with transaction.atomic():
        set_password(user, new)
        update_session_auth_hash(request, user)
