"""The same answers under ASGI, but for /metrics: a listener of its own is gunicorn's."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from asgiref.sync import sync_to_async

from config.observability.probes import LIVE_PATH, READY_PATH, Answer, live, ready

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


class AsyncProbes:
    """An ASGI application around `application`."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a probe, or let the application answer."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._application(scope, receive, send)
        elif scope["path"] == LIVE_PATH:
            await _send(live(), scope["method"], send)
        elif scope["path"] == READY_PATH:
            await _send(await sync_to_async(ready, thread_sensitive=False)(), scope["method"], send)
        else:
            await self._application(scope, receive, send)


async def _send(answer: Answer, method: str, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status.value,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.headers
            ],
        }
    )
    await send({"type": "http.response.body", "body": answer.body if method == "GET" else b""})
