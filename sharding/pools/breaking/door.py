"""Knocks at a server's door: what it says to who has not logged in yet.

A login that is refused tells libpq's user neither the SQLSTATE nor how far it came, only a text in
the server's own language. But there is a difference between a server that cannot be reached and one
that says no: the latter serves those who are connected. So it is asked once more, by the first
message of the protocol alone, and says one of three things: who are you, an error, or nothing.

Needs no password, no TLS (a server that wants it says so, which is an answer) and no connection
that the server has to spare: it goes away before it would be counted.

Source: PostgreSQL's documentation, "Frontend/Backend Protocol", start-up and message formats.
"""

import asyncio
from contextlib import suppress
from struct import pack, unpack
from typing import Final

from sharding.registry.types import Endpoint

_PROTOCOL: Final = 3 << 16
_AUTHENTICATION: Final = b"R"
_ERROR: Final = b"E"
_SQLSTATE_FIELD: Final = b"C"
_LONGEST: Final = 30_000
NO_SQLSTATE: Final = "53000"
"""For an error without: a server that cannot fork says so in the words of an older protocol."""
_NOT_SERVING: Final = "57P"
"""It is starting up, shutting down or recovering."""


async def lets_others_be(endpoint: Endpoint, user: str) -> bool:
    """Whether the server is there and serves, though perhaps not whoever comes now.

    Of several hosts each must: which of them somebody's connections go to is not known here.
    """
    said = await asyncio.gather(
        *(_knock(host, endpoint, user) for host in endpoint.hosts), return_exceptions=True
    )
    if unexpected := [e for e in said if isinstance(e, BaseException) and not _is_silence(e)]:
        raise unexpected[0]
    return all(isinstance(each, str) and not each.startswith(_NOT_SERVING) for each in said)


def is_there(endpoint: Endpoint, user: str, *, within_s: float) -> bool:
    """`lets_others_be` for who has no loop: for a thread that was just refused there."""

    async def knock() -> bool:
        async with asyncio.timeout(within_s):
            return await lets_others_be(endpoint, user)

    try:
        return asyncio.run(knock())
    except TimeoutError:
        return False


def _is_silence(error: BaseException) -> bool:
    return isinstance(error, (OSError, EOFError, UnicodeError))


async def _knock(host: str, endpoint: Endpoint, user: str) -> str:
    """The SQLSTATE with which it refuses; empty where it wants to know who we are.

    Raises:
        OSError, EOFError: it said nothing, or nothing that PostgreSQL says.
    """
    if host.startswith(("/", "@")):
        path = f"{host}/.s.PGSQL.{endpoint.port}"
        # An abstract name begins with a zero byte.
        reader, writer = await asyncio.open_unix_connection(path.replace("@", "\0", 1))
    else:
        reader, writer = await asyncio.open_connection(host, endpoint.port)
    try:
        writer.write(_startup(user=user, database=endpoint.dbname))
        kind = await reader.readexactly(1)
        if kind == _AUTHENTICATION:
            return ""
        if kind != _ERROR:
            raise ConnectionError(f"{host} says {kind!r}")
        (length,) = unpack("!i", await reader.readexactly(4))
        if not 4 <= length <= _LONGEST:
            return NO_SQLSTATE
        return _sqlstate(await reader.readexactly(length - 4))
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _startup(**parameters: str) -> bytes:
    named = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    body = pack("!i", _PROTOCOL) + named + b"\0"
    return pack("!i", len(body) + 4) + body


def _sqlstate(fields: bytes) -> str:
    found = (f[1:] for f in fields.split(b"\0") if f.startswith(_SQLSTATE_FIELD))
    return next(found, b"").decode("ascii") or NO_SQLSTATE
