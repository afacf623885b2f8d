"""Which texts may go to the server together with a prefix: one statement, and no session state.

Several statements in one message could end with `SET ROLE other; SELECT …`: PostgreSQL lets the
login take any role that it is a member of, and that is every tenant's. The check asks no parser:
text without a `;` before its end cannot hold two statements, whatever it says. Text with one is
sent by the extended protocol, where the server itself takes a single statement only.

What looks at text is hygiene against mistakes; the database's rights are what must hold.

Source: docs/adr/0002; docs/security.md.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sharding.backend.errors import SessionStateRefused

_SESSION_WORDS: Final = re.compile(
    r"(?:SET(?!\s+(?:LOCAL|TRANSACTION|CONSTRAINTS)\b)"
    r"|RESET|DISCARD|PREPARE|LISTEN|LOAD"
    r"|DECLARE\b.*\bWITH\s+HOLD)\b",
    re.IGNORECASE | re.DOTALL,
)
# What a statement that matters can begin with; all others are let through by this one look.
_WORTH_A_LOOK: Final = re.compile(
    r"[\s(]*(?:--|/\*|SET|RES|DISC|PREP|LIST|LOAD|DECL)", re.IGNORECASE
)
_BLANK: Final = re.compile(r"\s*(?:--[^\n]*(?:\n|$)\s*)*")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")

_FIRST_WORD: Final = re.compile(r"[\s(]*([A-Za-z]*)")
_READING: Final = frozenset(
    {"SELECT", "VALUES", "TABLE", "SHOW", "DECLARE", "FETCH", "MOVE", "CLOSE", "LOCK", "SET"}
    | {"BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"}
)
_WRITING_WITHIN: Final = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)

_trusted: ContextVar[bool] = ContextVar("atoll_trusted_text", default=False)


@contextmanager
def trusted() -> Iterator[None]:
    """Let this block send texts of several statements and session SETs, bound all the same.

    For scripts of our own and for libraries that put `SET LOCAL …;` before a statement
    (django-pgtrigger). Never around text that a request has touched.
    """
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def is_trusted() -> bool:
    """Whether the running code stands in a `trusted` block."""
    return _trusted.get()


def holds_several(text: str) -> bool:
    """Whether `text` could hold more than one statement."""
    found = text.find(";")
    return found >= 0 and bool(text[found:].strip("; \t\r\n"))


def refuse_session_state(text: str) -> None:
    """Refuse what a statement would leave on the session.

    Raises:
        SessionStateRefused: it begins with a session-level SET, RESET, DISCARD, PREPARE, LISTEN or
            LOAD, or declares a cursor that outlives its transaction.
    """
    if _WORTH_A_LOOK.match(text) is None:
        return
    found = _SESSION_WORDS.match(text, _skip_comments(text))
    if found is not None and not is_trusted():
        raise SessionStateRefused(" ".join(found.group().split()[:3]).upper())


def _skip_comments(text: str) -> int:
    """Where the first word of `text` begins. PostgreSQL's comments nest."""
    at = 0
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if text.startswith("(", at):
            at += 1
            continue
        if not text.startswith("/*", at):
            return at
        depth = 0
        for edge in _COMMENT_EDGE.finditer(text, at):
            depth += 1 if edge.group() == "/*" else -1
            if depth == 0:
                at = edge.end()
                break
        else:
            return len(text)


def may_write(text: str) -> bool:
    """Whether a statement could change rows; in doubt it could.

    What a function does that a SELECT calls is not seen.
    """
    if holds_several(text):
        return True
    found = _FIRST_WORD.match(text)
    word = found[1].upper() if found is not None else ""
    if word == "WITH":
        return _WRITING_WITHIN.search(text) is not None
    return word not in _READING
