"""Who calls: a token in the header, nothing else. Cookies are neither read nor set."""

import hashlib
from dataclasses import dataclass
from typing import Final, cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts.errors import TokenRefused
from accounts.models import User
from accounts.permissions import May, is_allowed
from accounts.services.api_tokens import authenticate
from workspace.api.problems import Problem

CHALLENGE: Final = 'Bearer realm="workspace"'


@dataclass(frozen=True, slots=True)
class Caller:
    """The member whose token came with a request.

    Attributes:
        user: the member.
        token: tells this token from others without being one: a digest.
    """

    user: User
    token: str


class Token(HttpBearer):
    """`Authorization: Bearer atoll_…`, of a member who may do what the operation needs."""

    def __init__(self, needs: May) -> None:
        self.needs = needs
        super().__init__()

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """The caller, if the token is good here and its member may.

        Raises:
            Problem: 401 for a token that is not good here, 403 for a member who may not.
        """
        try:
            user = authenticate(token)
        except TokenRefused as error:
            raise Problem(401, headers=challenge("invalid_token")) from error
        if not is_allowed(user, self.needs):
            raise Problem(403, f"{user.get_role_display()}s may not do that.")
        return Caller(user, hashlib.sha256(token.encode()).hexdigest()[:32])


reading: Final = Token(May.READ)
writing: Final = Token(May.WRITE)


def caller(request: HttpRequest) -> Caller:
    """Who calls; to be asked inside an operation only, when a token has been looked at."""
    return cast(Caller, request.auth)  # type: ignore[attr-defined]


def challenge(error: str = "") -> dict[str, str]:
    """The header that goes with each 401 (RFC 6750): a token is wanted, or this one is no good."""
    return {"WWW-Authenticate": f'{CHALLENGE}, error="{error}"' if error else CHALLENGE}
