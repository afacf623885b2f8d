"""PostgreSQL's lexical rules: a script as tokens, and its tokens as statements. Pure.

Nothing here looks at lines: a string may hold what looks like a command, a comment or an end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a token is."""

    SPACE = "space"
    COMMENT = "comment"
    WORD = "word"
    QUOTED = "quoted identifier"
    STRING = "string"
    DOLLAR = "dollar-quoted string"
    NUMBER = "number"
    META = "command of psql"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a script; all pieces together are the script.

    Attributes:
        start: where it begins in the script.
    """

    kind: Kind
    text: str
    start: int

    def is_word(self, word: str) -> bool:
        """Whether it is this keyword or unquoted identifier, given in lower case."""
        return self.kind is Kind.WORD and self.text.lower() == word

    def names(self, identifier: str) -> bool:
        """Whether it is an identifier that means `identifier`."""
        if self.kind is Kind.WORD:
            return self.text.lower() == identifier
        return self.kind is Kind.QUOTED and self.text[1:-1].replace('""', '"') == identifier

    @property
    def value(self) -> str:
        """What stands between the quotes of a string or an identifier, as it is written there."""
        if self.kind is Kind.DOLLAR:
            tag = self.text[: self.text.index("$", 1) + 1]
            return self.text[len(tag) : -len(tag)]
        if self.kind is Kind.STRING:
            return self.text[self.text.index("'") + 1 : -1]
        if self.kind is Kind.QUOTED:
            return self.text[1:-1]
        return self.text


Statement = Sequence[Token]

# A word may hold any letter beyond ASCII. `E'…'` alone knows backslashes; the others are doubled
# quotes only, which is PostgreSQL's default since 9.1 and what pg_dump sets.
_PATTERNS: Final = (
    (Kind.SPACE, r"\s+"),
    (Kind.COMMENT, r"--[^\n]*"),
    (Kind.STRING, r"[eE]'(?:[^'\\]|\\.|'')*'"),
    (Kind.STRING, r"(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'"),
    (Kind.QUOTED, r'(?:[uU]&)?"(?:[^"]|"")*"'),
    (Kind.DOLLAR, r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"),
    (Kind.NUMBER, r"\d[\w.]*|\.\d[\w.]*|\$\d+"),
    (Kind.WORD, r"[^\W\d][\w$]*"),
)
_TOKEN: Final = re.compile(
    "|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_PATTERNS)),
    re.DOTALL,
)
_PREFIXES: Final = frozenset("ebxn")
_META: Final = re.compile(r"\\[^\n]*")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


class Unreadable(ValueError):
    """The script ends inside a comment, a string or a function's body."""


def tokens(script: str) -> Iterator[Token]:
    """The pieces of `script`, in order.

    Raises:
        Unreadable: it ends in the middle of one.
    """
    at = 0
    begins = True  # a statement: only there a backslash is a command of psql
    while at < len(script):
        token = _next(script, at, begins=begins)
        yield token
        at += len(token.text)
        if token.kind not in (Kind.SPACE, Kind.COMMENT, Kind.META):
            begins = token.text == ";"


def statements(script: str) -> Iterator[list[Token]]:
    """The statements of `script`, without comments, end marks, and space around them.

    A command of psql is a statement by itself.

    Raises:
        Unreadable: it ends in the middle of one.
    """
    statement: list[Token] = []
    depth = _Depth()
    for token in tokens(script):
        if token.kind is Kind.META:
            yield [token]
        elif token.kind in (Kind.SPACE, Kind.COMMENT):
            if statement:
                statement.append(Token(Kind.SPACE, _space(token), token.start))
        elif token.text == ";" and not depth.after(token):
            if statement:
                yield _trimmed(statement)
            statement = []
        else:
            depth.after(token)
            statement.append(token)
    if depth.depth:
        raise Unreadable("The script ends inside BEGIN ATOMIC.")
    if statement:
        yield _trimmed(statement)


class _Depth:
    """How deep inside BEGIN ATOMIC … END, which holds statements."""

    def __init__(self) -> None:
        self.depth = 0
        self._before: Token | None = None

    def after(self, token: Token) -> int:
        if token.is_word("atomic") and self._before is not None and self._before.is_word("begin"):
            self.depth = 1
        elif self.depth and token.is_word("case"):
            self.depth += 1
        elif self.depth and token.is_word("end"):
            self.depth -= 1
        self._before = token
        return self.depth


def _space(token: Token) -> str:
    return " " if token.kind is Kind.COMMENT else token.text


def text_of(statement: Statement) -> str:
    """A statement as it was written."""
    return "".join(token.text for token in statement)


def meaning(statement: Statement) -> list[Token]:
    """The tokens of a statement but the space between them."""
    return [token for token in statement if token.kind is not Kind.SPACE]


def _next(script: str, at: int, *, begins: bool) -> Token:
    if script.startswith("/*", at):
        return Token(Kind.COMMENT, script[at : _end_of_comment(script, at)], at)
    if begins and script[at] == "\\":
        found = _META.match(script, at)
        assert found is not None
        return Token(Kind.META, found[0], at)
    found = _TOKEN.match(script, at)
    if found is None:
        if script[at] in "'\"":
            raise Unreadable(f"The script ends inside the string that begins at {at}.")
        return Token(Kind.SIGN, script[at], at)
    assert found.lastgroup is not None
    kind = _PATTERNS[int(found.lastgroup[1:])][0]
    if kind is Kind.WORD and found[0].lower() in _PREFIXES and script[found.end() :][:1] == "'":
        raise Unreadable(f"The script ends inside the string that begins at {at}.")
    return Token(kind, found[0], at)


def _end_of_comment(script: str, at: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(script, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise Unreadable(f"The script ends inside the comment that begins at {at}.")


def _trimmed(statement: list[Token]) -> list[Token]:
    end = len(statement)
    while statement[end - 1].kind is Kind.SPACE:
        end -= 1
    return statement[:end]
