"""Tokens with which a program acts as a member: `atoll_<tenant>_<id>_<secret>`.

The tenant stands in the text, so that a token which reaches another tenant's host is refused
before anything is looked up; and in the tenant's own database there is nothing else it could fit.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.conf import account_settings
from accounts.errors import TokenRefused, TooManyTokens
from accounts.models import ApiToken, User
from sharding import scope

NOTED_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use is kept: noting every one would make a write of every read."""

_TEXT: Final = re.compile(r"atoll_(?P<tenant>[a-z0-9]+)_(?P<id>[0-9a-f]{32})_(?P<secret>[\w-]{43})")
_NOBODYS: Final = hashlib.sha256(b"no token has this secret").hexdigest()


def issue_token(user: User, name: str, expires: datetime | None) -> tuple[ApiToken, str]:
    """Make a token of `user`; return it and its text, which nobody can read again.

    Locks: the user's row, so that two at the same moment make no more than one may have.
    Transaction: opens one.

    Raises:
        NoTenantInScope: the tenant stands in the text.
        TooManyTokens: nothing was changed.
    """
    place = scope.tenant("A token of the API")
    secret = secrets.token_urlsafe(32)
    token = ApiToken(id=uuid4(), user=user, name=name, expires_at=expires)
    token.secret_hash = _hash(secret)
    most = account_settings().tokens_per_member
    with transaction.atomic():
        User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
        if good_tokens(user).count() >= most:
            raise TooManyTokens(most)
        token.save(force_insert=True)
    return token, f"atoll_{place.tenant_id}_{token.id.hex}_{secret}"


def authenticate(text: str) -> User:
    """The active member as whom the holder of `text` may act in the tenant in scope.

    Takes the same time whatever is wrong with it. Notes the use, at most once a minute.

    Raises:
        NoTenantInScope: whose program is it?
        TokenRefused: unknown, revoked, expired, another tenant's, of a member who is not let in.
    """
    place = scope.tenant("A token of the API")
    parts = _TEXT.fullmatch(text)
    if parts is None or not constant_time_compare(parts["tenant"], place.tenant_id):
        raise TokenRefused
    token = ApiToken.objects.select_related("user").filter(pk=UUID(parts["id"])).first()
    known = token.secret_hash if token is not None else _NOBODYS
    fits = constant_time_compare(known, _hash(parts["secret"]))
    now = timezone.now()
    if token is None or not fits or not is_good(token, now) or not token.user.is_active:
        raise TokenRefused
    _note_use(token, now)
    return token.user


def good_tokens(user: User) -> QuerySet[ApiToken]:
    """Those of `user` that were neither revoked nor have expired."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiToken.objects.filter(unexpired, user=user, revoked_at=None)


def is_good(token: ApiToken, now: datetime) -> bool:
    """Whether it was neither revoked nor has expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def revoke_token(user: User, pk: UUID) -> ApiToken:
    """Let a token of `user` work no more.

    Idempotent.

    Raises:
        ApiToken.DoesNotExist: there is none, or it is another member's.
    """
    token = ApiToken.objects.get(pk=pk, user=user)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def revoke_tokens(user: User) -> None:
    """Let no token of `user` work any more.

    Idempotent.
    """
    good_tokens(user).update(revoked_at=timezone.now())


def _note_use(token: ApiToken, now: datetime) -> None:
    is_old = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - NOTED_EVERY:
        # Of many requests at once one writes.
        ApiToken.objects.filter(is_old, pk=token.pk).update(last_used_at=now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
