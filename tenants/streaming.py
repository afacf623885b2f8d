"""Bodies that are made while they are sent run in the scope of the request they answer.

One that meets its tenant's move is cut off, since a part of it is sent. But this process learns
from it where the tenant is, as from every other request.
"""

from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from typing import Any

from asgiref.sync import sync_to_async
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from sharding import scope
from sharding.scope.latch import Latch, replace_latch
from tenants.directory.types import Entry
from tenants.gating.meeting import met_a_move


def keep_scope(response: HttpResponseBase, place: scope.Scope, entry: Entry | None) -> None:
    """Let what `response` streams, if it streams, run in `place`, and nothing else.

    entry: what the request was served by.
    """
    if not isinstance(response, StreamingHttpResponse):
        return
    if isinstance(response, FileResponse) and response.file_to_stream is not None:
        return  # the server sends the open file itself; no code of ours runs
    body: Any = response.streaming_content
    if response.is_async:
        response.streaming_content = AsyncScopedBody(body, place, entry)
    else:
        response.streaming_content = ScopedBody(body, place, entry)


class ScopedBody:
    """An iterator that runs in a context of its own, in which the scope is entered once.

    Between two parts the sender's context has no scope, whatever it does there; and a body that
    keeps a transaction open over several parts is not told that it left its scope.
    """

    def __init__(self, body: Iterator[bytes], place: scope.Scope, entry: Entry | None) -> None:
        self._body = body
        self._entry = entry
        self._latch = Latch()
        self._context = copy_context()
        self._context.run(replace_latch, self._latch)
        self._scope = scope.enter(place)
        self._context.run(self._scope.__enter__)
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return self._context.run(next, self._body)
        except Exception:
            # At its end as well: its code may have swallowed what it met.
            self._context.run(met_a_move, self._latch, self._entry)
            raise

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

    def __init__(self, body: AsyncIterator[bytes], place: scope.Scope, entry: Entry | None) -> None:
        self._body = body
        self._place = place
        self._entry = entry
        self._latch = Latch()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        before = replace_latch(self._latch)
        try:
            with scope.enter(self._place):
                return await anext(self._body)
        except Exception:
            # It ends so as well, and nearly always has met nothing: no thread for that.
            if self._latch.met is not None:
                await sync_to_async(met_a_move)(self._latch, self._entry)
            raise
        finally:
            replace_latch(before)

    async def aclose(self) -> None:
        """End the body in its scope."""
        close = getattr(self._body, "aclose", None)
        if close is not None:
            with scope.enter(self._place):
                await close()
