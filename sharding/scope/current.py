"""The one ContextVar that says what the running code works in."""

from contextvars import ContextVar
from typing import Final

from sharding.scope.errors import NoTenantInScope
from sharding.scope.types import Placement, Scope

_scope: Final[ContextVar[Scope | None]] = ContextVar("atoll_scope", default=None)

current = _scope.get
"""The scope in force: a Placement, CONTROL, or None. (The bound method: it is called for every
statement, and a Python function around it would double its cost.)"""


def tenant_or_none() -> Placement | None:
    """The tenant in scope, if the scope is a tenant's."""
    scope = _scope.get()
    return scope if isinstance(scope, Placement) else None


def tenant(what: str = "This") -> Placement:
    """The tenant in scope; `what` begins the message when there is none.

    Raises:
        NoTenantInScope: the scope is none or control.
    """
    scope = _scope.get()
    if isinstance(scope, Placement):
        return scope
    raise NoTenantInScope(what)


def describe(scope: Scope | None) -> str:
    """The scope in words, for messages."""
    return "no scope" if scope is None else str(scope)


def replace(scope: Scope | None) -> None:
    """Set the scope outright, without any check. For `enter` and the connection handler only.

    There is no reset token on purpose: one that crosses a middleware hook or an async boundary
    belongs to another context and cannot be given back.
    """
    _scope.set(scope)
