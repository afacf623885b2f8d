"""What is lazy in a request is looked up before anybody enters another scope."""

import asyncio
from contextvars import ContextVar
from typing import Any, Final

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject, empty

running: Final[ContextVar[HttpRequest | None]] = ContextVar("atoll_request", default=None)
"""The request that this context answers; set by TenantMiddleware."""


def realise_request() -> None:
    """Load the running request's session and user, in the scope that they belong to.

    Called in the old scope when another is entered. In an event loop nothing can be loaded here:
    a session that is first looked at in another scope then raises WrongTenant.
    """
    request = running.get()
    if request is None or _in_event_loop():
        return
    session: Any = getattr(request, "session", None)
    if session is not None and session.session_key and not hasattr(session, "_session_cache"):
        accessed = session.accessed
        session.get("")
        session.accessed = accessed  # it was we who looked, the answer does not vary by it
    user: Any = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject) and user.__dict__.get("_wrapped", empty) is empty:
        bool(user)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
