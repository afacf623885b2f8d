"""What people type into a search box, as PostgreSQL's to_tsquery reads it. Pure.

Words are wanted all, as beginnings ("print" finds "printer"); "several words" in quotes stand
beside each other; -word is not wanted. PostgreSQL itself takes each word apart as it took apart the
text, so addresses and part numbers are found too.
"""

import re
from typing import Final

MOST_WORDS: Final = 12
# The beginnings of nearly everything: one letter by itself is looked for as a word.
SHORTEST_BEGINNING: Final = 2

_TERMS: Final = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f]")
_WORD: Final = re.compile(r"\w")
_NUMBER: Final = re.compile(r"#(\d{1,18})")


def to_tsquery(text: str) -> str:
    """The query for what somebody typed; empty when there is nothing to look for in it."""
    terms = []
    for minus, phrase, word in _TERMS.findall(_UNSEEN.sub(" ", text)):
        wanted = phrase or word
        if not _WORD.search(wanted):
            continue
        beginning = not phrase and not minus and len(wanted) >= SHORTEST_BEGINNING
        terms.append(("!" if minus else "") + _quoted(wanted) + (":*" if beginning else ""))
    return " & ".join(terms[:MOST_WORDS])


def ticket_number(text: str) -> int | None:
    """The ticket that somebody asked for by its number, as `#123`."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None


def _quoted(term: str) -> str:
    """As one operand, whatever signs of to_tsquery's own language it holds."""
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
