"""Secrets of the public host, all derived from SECRET_KEY, each for one purpose only.

What is signed here is signed without a scope, so that no tenant's value fits (routers.signing).
"""

import hashlib
from base64 import urlsafe_b64encode
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

from front.errors import LinkVoid
from sharding import scope

_CONFIRMATION: Final = "front.confirmation"
_PROGRESS: Final = "front.progress"
_SENT: Final = "front.sent"
_ADDRESS: Final = "front.known-address"
_VISITOR: Final = "front.visitor"

_PROGRESS_HOLDS: Final = 14 * 24 * 3600
_SENT_HOLDS: Final = 24 * 3600


def confirmation_token(sign_up: UUID) -> str:
    """What the confirmation link of a sign-up says: the same in each mail about it.

    Derived, not random, so that the task that mails it need not be handed a secret, and may run
    twice. Control keeps its hash only.
    """
    digest = salted_hmac(_CONFIRMATION, str(sign_up), algorithm="sha256").digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def token_hash(token: str) -> str:
    """What control keeps of a confirmation token. It has 256 bits, so a plain hash will do."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def progress_key(sign_up: UUID) -> str:
    """A signed name of a confirmed sign-up: who has it may watch it, and go in when it is ready."""
    return _sign(str(sign_up), _PROGRESS)


def read_progress_key(key: str) -> UUID:
    """The sign-up that `progress_key` named.

    Raises:
        LinkVoid: it is not ours, or too old.
    """
    return UUID(_read(key, _PROGRESS, _PROGRESS_HOLDS))


def sent_key(sign_up: UUID, email: str) -> str:
    """A signed name of the page that says "we sent a mail"; who has it may have it sent again.

    The sign-up need not exist: the page must look the same.
    """
    with scope.enter(None):
        return signing.dumps({"id": str(sign_up), "email": email}, salt=_SENT)


def read_sent_key(key: str) -> tuple[UUID, str]:
    """The sign-up and the address that `sent_key` named.

    Raises:
        LinkVoid: it is not ours, or too old.
    """
    try:
        with scope.enter(None):
            said = signing.loads(key, salt=_SENT, max_age=_SENT_HOLDS)
    except signing.BadSignature as error:
        raise LinkVoid from error
    return UUID(said["id"]), str(said["email"])


def address_digest(email: str) -> str:
    """What control keeps of a member's normalised address: nobody without the key can try one."""
    return salted_hmac(_ADDRESS, email, algorithm="sha256").hexdigest()


def address_digests(email: str) -> list[str]:
    """All digests under which an address may be known: of this key and of those before it."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [
        salted_hmac(_ADDRESS, email, secret=key, algorithm="sha256").hexdigest() for key in keys
    ]


def visitor_digest(who: str) -> str:
    """What control keeps of an IP or e-mail address in order to count."""
    return salted_hmac(_VISITOR, who, algorithm="sha256").hexdigest()


def _sign(value: str, salt: str) -> str:
    with scope.enter(None):
        return signing.TimestampSigner(salt=salt).sign(value)


def _read(key: str, salt: str, holds: int) -> str:
    try:
        with scope.enter(None):
            return signing.TimestampSigner(salt=salt).unsign(key, max_age=holds)
    except signing.BadSignature as error:
        raise LinkVoid from error
