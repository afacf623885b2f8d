"""A request's body that can be read from its beginning again, as far as it is kept."""

from io import BytesIO
from typing import Final, Protocol

MOST_KEPT: Final = 1024 * 1024
"""Bytes of one request. What is longer runs once."""


class Readable(Protocol):
    """What a WSGI server gives."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class KeptBody:
    """`wsgi.input` that keeps what was read of it. Django reads it with a size, always.

    Attributes:
        is_kept: whether all that was read so far can be read again.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        # Its position is its end, but while something is read again.
        self._kept = BytesIO()
        self.is_kept = True

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` at most."""
        return self._kept.read(size) or self._keep(self._stream.read(size))

    def readline(self, size: int, /) -> bytes:
        """The next line, `size` bytes of it at most."""
        line = self._kept.readline(size)
        if line.endswith(b"\n") or len(line) == size:
            return line
        return line + self._keep(self._stream.readline(size - len(line)))

    def rewind(self) -> None:
        """Begin anew."""
        self._kept.seek(0)

    def _keep(self, part: bytes) -> bytes:
        if self.is_kept:
            if self._kept.tell() + len(part) > MOST_KEPT:
                self.is_kept = False
                self._kept = BytesIO()
            else:
                self._kept.write(part)
        return part
