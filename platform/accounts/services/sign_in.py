"""Find out who somebody is, begin their session, end all of them."""

from django.contrib.auth import authenticate, login, update_session_auth_hash
from django.db.models import F
from django.http import HttpRequest

from accounts.errors import WrongCredentials
from accounts.models import User
from accounts.services.api_tokens import revoke_tokens
from accounts.services.attempts import Purpose, begin_attempt, end_well
from tenants.sessions import SessionStore
from tenants.visitors import visitor_ip


def identify(request: HttpRequest, *, email: str, password: str) -> User:
    """The active member with this address and password.

    An unknown address costs the same work as a wrong password: Django hashes one in vain.

    Transaction: forbids one; the attempt must stay counted whatever becomes of the request.

    Raises:
        WrongCredentials: there is none; says no more.
        TooManyAttempts: nobody looked.
    """
    attempt = begin_attempt(email, ip=visitor_ip(request), purpose=Purpose.SIGN_IN)
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    end_well(attempt)
    return user


def begin_session(request: HttpRequest, user: User) -> None:
    """Sign `user` in. The session gets a new key, so that one planted before is worth nothing."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if isinstance(request.session, SessionStore):
        request.session.begin_anew()


def end_other_sessions(request: HttpRequest, user: User, *, ends_tokens: bool = False) -> None:
    """End every session of `user` but this request's; if told to, revoke the tokens of the API too.

    Sessions carry the number of times that this was done; those with another one are nobody's.
    """
    User.objects.filter(pk=user.pk).update(sign_outs=F("sign_outs") + 1)
    if ends_tokens:
        revoke_tokens(user)
    user.refresh_from_db(fields=["sign_outs"])
    update_session_auth_hash(request, user)


def end_sessions(user: User) -> None:
    """End every session of `user`."""
    User.objects.filter(pk=user.pk).update(sign_outs=F("sign_outs") + 1)
