"""Which errors mean that a server is away, whatever code they passed through on the way up."""

from collections.abc import Iterator
from typing import Final

import psycopg
from django.db.utils import Error as DjangoError

_SQLSTATES: Final = frozenset(
    # The server is shutting down or starting, or has no connection to spare.
    {"57P01", "57P02", "57P03", "53300"}
)
_CONNECTION_CLASS: Final = "08"
_SHUTTING_DOWN: Final = "57P0"

# Most errors quote rows in their DETAIL; these, the value that does not fit in their first line.
_QUOTE_VALUES: Final = frozenset({"22003", "22007", "22008", "22021", "22P02"})


def says_away(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, says that a server could not be asked.

    An OperationalError without SQLSTATE comes from the client: it could not connect, lost the
    connection, or gave up waiting (ShardAway, a pool's time-out).
    """
    return any(_is_about_the_server(each) for each in causes(error))


def looks_away(error: psycopg.Error) -> bool:
    """Whether `error` is reason enough to ask the server whether it is still there.

    A session that was ended looks like it too; what a statement did wrong, or what another one
    held, does not (57014, 55P03, 40001, 40P01, 23…, 42…).
    """
    return _is_about_the_server(error) or (error.sqlstate or "").startswith(_SHUTTING_DOWN)


def as_sentence(text: str) -> str:
    """What a server or driver said, in one line and with one mark at its end."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def in_one_line(error: BaseException) -> str:
    """What an error says, without its line breaks; its name when it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def without_rows(error: BaseException) -> str:
    """What an error says, in one line; of a server's what quotes no row of a tenant.

    So it may be kept in control, or told to an operator. The server's own log has all of it.
    """
    said = _said_by_server(error)
    if said is None:
        return in_one_line(error)
    if said.sqlstate in _QUOTE_VALUES:
        return f"{said.sqlstate} ({type(said).__name__}): a value does not fit"
    return " ".join((said.diag.message_primary or "").split())


def _said_by_server(error: BaseException) -> psycopg.Error | None:
    """The driver's error, if `error` is one, or Django's wrapper of one."""
    wrapped = error.__cause__ if isinstance(error, DjangoError) else error
    if isinstance(wrapped, psycopg.Error) and wrapped.diag.message_primary:
        return wrapped
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__


def _is_about_the_server(error: BaseException) -> bool:
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(_CONNECTION_CLASS) or state in _SQLSTATES
