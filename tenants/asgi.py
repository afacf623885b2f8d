"""Load shedding under ASGI: who gets no slot is refused before the request has a thread.

Django makes a thread for each request, if only for its signals, and reads the whole body first. A
tenant that asks for more than it may have, or the tenants of a shard that is away, would cost the
others a third of what served requests cost. What `TenantMiddleware` would refuse at once, from
memory, is refused here, and it words the answer; all the rest goes Django's way.

Source: docs/adr/0029.
"""

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.urls import set_script_prefix

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class SheddingASGIHandler(ASGIHandler):
    """Django's handler, but for requests that get no slot: 503 and Retry-After.

    They have no thread of their own, `request_started` is not sent, and their body cannot be read.
    The middleware words the answer as it words others.
    """

    def __init__(self) -> None:
        super().__init__()
        # Servers import this before Django's apps are ready, which that needs.
        from tenants.shedding import no_slot_for

        self._no_slot_for = no_slot_for

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request."""
        no_slot = self._no_slot_for(scope) if scope["type"] == "http" else None
        if no_slot is None:
            await super().__call__(scope, receive, send)
            return
        # For middleware that wants a thread; the context makes none before it is asked for one.
        async with ThreadSensitiveContext():
            set_script_prefix(get_script_prefix(scope))
            request, response = self.create_request(scope, _unread())
            if request is not None:
                request.no_slot = no_slot  # type: ignore[attr-defined]
                response = await self.get_response_async(request)
            assert response is not None
            await self.send_response(response, send)


def _unread() -> BytesIO:
    """A body that raises whoever would read it: nobody may take it for an empty one."""
    body = BytesIO()
    body.close()
    return body
