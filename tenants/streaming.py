"""Bodies that are made while they are sent run in the scope of the request they answer."""

from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from sharding import scope


def keep_scope(response: HttpResponseBase, place: scope.Scope) -> None:
    """Let what `response` streams, if it streams, run in `place`, and nothing else."""
    if not isinstance(response, StreamingHttpResponse):
        return
    if isinstance(response, FileResponse) and response.file_to_stream is not None:
        return  # the server sends the open file itself; no code of ours runs
    body: Any = response.streaming_content
    if response.is_async:
        response.streaming_content = AsyncScopedBody(body, place)
    else:
        response.streaming_content = ScopedBody(body, place)


class ScopedBody:
    """An iterator that runs in a context of its own, in which the scope is entered once.

    Between two parts the sender's context has no scope, whatever it does there; and a body that
    keeps a transaction open over several parts is not told that it left its scope.
    """

    def __init__(self, body: Iterator[bytes], place: scope.Scope) -> None:
        self._body = body
        self._context = copy_context()
        self._scope = scope.enter(place)
        self._context.run(self._scope.__enter__)
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._body)

    def close(self) -> None:
        """End the body in its scope; the server calls this, sent or not."""
        if self._ended:
            return
        self._ended = True
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                self._context.run(close)
        finally:
            self._context.run(self._scope.__exit__, None, None, None)


class AsyncScopedBody:
    """An async iterator each part of which is made in the scope."""

    def __init__(self, body: AsyncIterator[bytes], place: scope.Scope) -> None:
        self._body = body
        self._place = place

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with scope.enter(self._place):
            return await anext(self._body)

    async def aclose(self) -> None:
        """End the body in its scope."""
        close = getattr(self._body, "aclose", None)
        if close is not None:
            with scope.enter(self._place):
                await close()
