"""Load shedding under ASGI: who gets no slot is refused before anything is made for the request.

Django makes a thread for each request, if only for its signals, and reads the whole body first. A
tenant that asks for more than it may have, or the tenants of a shard that is away, would cost the
others half of what served requests cost. What `TenantMiddleware` would refuse at once, from memory,
is refused here, and it words the answer; all the rest is Django's way.

Source: docs/adr/0029.
"""

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class SheddingASGIHandler(ASGIHandler):
    """Django's handler, but for requests that get no slot: 503 and Retry-After, without a thread.

    The middleware words the answer as it words others. The body of such a request is not read, and
    `request_started` and `request_finished` are not sent.
    """

    def __init__(self) -> None:
        super().__init__()
        # Servers import this before Django's apps are ready, which that needs.
        from tenants.shedding import refusal_of

        self._refusal_of = refusal_of

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refused = self._refusal_of(scope) if scope["type"] == "http" else None
        if refused is None:
            await super().__call__(scope, receive, send)
            return
        request, response = self.create_request(scope, BytesIO())
        if request is not None:
            request.refused = refused  # type: ignore[attr-defined]
            response = await self.get_response_async(request)
        assert response is not None
        await self.send_response(response, send)
