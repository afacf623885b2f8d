"""Who may do what: three things that a view can need, and the roles that are allowed them.

Every view of a tenant's host says what it needs, or is marked `login_not_required`:

    @needs(May.WRITE)
    def ticket_new(request): ...

    @needs_to_write(get=May.READ, post=May.WRITE)
    def ticket(request, pk): ...
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from types import MappingProxyType
from typing import Final, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

R = TypeVar("R", bound=HttpResponseBase)


class May(StrEnum):
    """What a view can need of whoever calls it."""

    READ = "read"
    """Look at the workspace."""
    WRITE = "write"
    """Change what it holds."""
    MANAGE = "manage"
    """Change who is in it and how it is set up."""


ALLOWED: Final[Mapping[str, frozenset[May]]] = MappingProxyType(
    {
        User.Role.VIEWER: frozenset({May.READ}),
        User.Role.AGENT: frozenset({May.READ, May.WRITE}),
        User.Role.ADMIN: frozenset(May),
    }
)


def is_allowed(user: User, may: May) -> bool:
    """Whether `user` may. A role that stands in no table may nothing."""
    return user.is_active and may in ALLOWED.get(user.role, frozenset())


def member(request: HttpRequest) -> User:
    """The signed-in member who sent `request`.

    Raises:
        PermissionDenied: nobody is signed in.
    """
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def needs(may: May) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let only members call a view who may do `may`; everybody else gets 403.

    Marks the view with `atoll_needs`, so that a test finds those that say nothing.
    """
    return _guard(may, {}, may)


def needs_to_write(*, get: May, post: May) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """For a view that shows with GET what it changes with POST: each needs something else.

    Whatever is not a reading method counts as POST.
    """
    return _guard({"GET": get, "POST": post}, dict.fromkeys(_READING, get), post)


def _guard(
    mark: May | Mapping[str, May], by_method: Mapping[str, May], otherwise: May
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    def decorate(view: Callable[..., R]) -> Callable[..., R]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> R:
            needed = by_method.get(request.method or "", otherwise)
            if not is_allowed(member(request), needed):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.atoll_needs = mark  # type: ignore[attr-defined]
        return guarded

    return decorate
