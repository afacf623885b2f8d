"""The same around an ASGI application."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from tenants.gating.attempts import MOST_RUNS, Attempt, current_attempt, fresh_end
from tenants.gating.body import MOST_KEPT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]

_BODY: Final = "http.request"


class ReplayASGI:
    """As ReplayWSGI; what is no HTTP request goes through as it is."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        body = _KeptMessages(receive)
        ends = fresh_end()
        before = current_attempt.get()
        try:
            for run in range(1, MOST_RUNS + 1):
                attempt = Attempt(ends=ends, is_last=run == MOST_RUNS, body=body)
                current_attempt.set(attempt)
                await self._application(dict(scope), body.receive, _unless_again(attempt, send))
                if not attempt.runs_again:
                    return
                body.rewind()
        finally:
            current_attempt.set(before)


class _KeptMessages:
    """The messages of a body, which can be received again as far as they are kept."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._next = 0
        self._bytes = 0
        self.is_kept = True

    async def receive(self) -> Message:
        """The next message, of those that are kept or from the server."""
        if self._next < len(self._kept):
            self._next += 1
            return self._kept[self._next - 1]
        message = await self._receive()
        if message["type"] == _BODY and self.is_kept:
            self._bytes += len(message.get("body", b""))
            if self._bytes > MOST_KEPT:
                self.is_kept = False
                self._kept.clear()
                self._next = 0
            else:
                self._kept.append(message)
                self._next += 1
        return message

    def rewind(self) -> None:
        """Begin anew."""
        self._next = 0


def _unless_again(attempt: Attempt, send: Send) -> Send:
    """Sends, but for a run that is thrown away. Before Django sends anything, that is decided."""

    async def send_on(message: Message) -> None:
        if not attempt.runs_again:
            await send(message)

    return send_on
