"""Signatures that hold for one tenant only, though one secret signs for all."""

from typing import Any, Final

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.signing import Signer, TimestampSigner, base64_hmac
from django.utils.encoding import force_str

from sharding import scope

_SALT: Final = "atoll"


def scoped_salt(salt: str) -> str:
    """`salt` with the scope in it; without a scope as it is.

    A tenant's values so hold in that tenant's scope only, control's in control's, and those of
    pages without a tenant on such pages only.
    """
    current = scope.current()
    if current is None:
        return salt
    place = scope.tenant_or_none()
    return f"{salt}.{_SALT}.{place.tenant_id if place is not None else 'control'}"


def _signature(self: Signer, value: str | bytes, key: str | bytes | None = None) -> str:
    return base64_hmac(
        scoped_salt(force_str(self.salt)) + "signer",
        value,
        key or self.key,
        algorithm=self.algorithm,
    )


class TenantSigner(TimestampSigner):
    """Signs for the scope (setting SIGNING_BACKEND: signed cookies, messages)."""

    signature = _signature


class ScopedSalt:
    """Stands in the place of a class's constant salt and answers with the scope's."""

    def __init__(self, salt: str) -> None:
        self.salt = salt

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The salt with the scope in it."""
        return scoped_salt(self.salt)


def install() -> None:
    """Let every signature be the scope's, whoever makes it.

    SIGNING_BACKEND reaches signed cookies only. `signing.dumps`, session data, `Signer()` in
    anybody's code and the tokens of password resets choose their classes themselves, so those
    classes are taught instead.

    Idempotent.
    """
    Signer.signature = _signature  # type: ignore[method-assign]
    salt = PasswordResetTokenGenerator.__dict__["key_salt"]
    if not isinstance(salt, ScopedSalt):
        PasswordResetTokenGenerator.key_salt = ScopedSalt(salt)  # type: ignore[assignment]
