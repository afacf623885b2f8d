"""From what was dumped to a script that fits every schema: the name becomes a placeholder. Pure."""

import re
from collections.abc import Collection, Iterable
from typing import Final

from migrations_tools.images.errors import LeavesTheSchema, NameLeft, UnknownStatement
from migrations_tools.images.lexer import Kind, Statement, Token, meaning, statements, text_of
from sharding.schemas.services.image_replay import PLACEHOLDER

_COLON: Final = ":"
# Newer servers (15.20) number each state of a column among its options, for themselves: they refuse
# it from others, older ones do not know it. A pg_dump of before does not leave it out.
_STAMP: Final = "pg_attver"

# What pg_dump writes besides: settings of its session, and the schema, which is made elsewhere.
_DROPPED: Final = (
    ("set",),
    ("select", "pg_catalog", ".", "set_config"),
    ("create", "schema"),
    ("comment", "on", "schema"),
)
_KNOWN: Final = (
    ("create",),
    ("alter",),
    ("comment", "on"),
    ("insert", "into"),
    ("select", "pg_catalog", ".", "setval"),
    ("refresh", "materialized", "view"),
)
_NEVER: Final = (
    ("create", "extension"),
    ("create", "publication"),
    ("create", "subscription"),
    ("create", "event"),
    ("alter", "default"),
    ("alter", "system"),
    ("alter", "role"),
    ("alter", "database"),
)


def script_of(dump: str, name: str, *, forbidden: Collection[str]) -> tuple[str, ...]:
    """The statements of a dump of the schema `name`, each with a placeholder for that name.

    `forbidden` are schemas that nothing may refer to.

    Raises:
        NameLeft: the name stands where it cannot be replaced.
        UnknownStatement: of a kind that a dump of one schema should not hold.
        LeavesTheSchema: something refers to a forbidden schema.
        Unreadable: it was cut off.
    """
    return tuple(
        with_placeholder(wanted, name, forbidden=forbidden)
        for statement in statements(dump)
        if _is_wanted(statement) and (wanted := _without_stamp(statement))
    )


def with_placeholder(statement: Statement, name: str, *, forbidden: Collection[str] = ()) -> str:
    """One statement with a placeholder for the name of its schema.

    Raises:
        NameLeft: the name stands where it cannot be replaced.
        LeavesTheSchema: it refers to a forbidden schema.
    """
    words = meaning(statement)
    _refuse(words, statement, forbidden)
    replaced = {
        token.start: _in_place_of(token, name)
        for number, token in enumerate(words)
        if _is_the_schema(words, number, name)
    }
    text = "".join(replaced.get(token.start, token.text) for token in statement)
    if name in text.lower():
        raise NameLeft(text)
    return text


def single(text: str) -> Statement:
    """The tokens of a text that is one statement.

    Raises:
        UnknownStatement: there are several, or none.
    """
    found = list(statements(text))
    if len(found) != 1:
        raise UnknownStatement(text)
    return found[0]


def _is_wanted(statement: Statement) -> bool:
    first = statement[0]
    if first.kind is Kind.META:
        if first.text.split(None, 1)[0] in ("\\restrict", "\\unrestrict"):
            return False
        raise UnknownStatement(first.text)
    words = meaning(statement)
    if _begins(words, _DROPPED):
        return False
    if not _begins(words, _KNOWN) or _begins(words, _NEVER):
        raise UnknownStatement(text_of(statement))
    return True


def _without_stamp(statement: Statement) -> Statement:
    """The same without what a server has noted of a column for itself; empty: nothing else is said.

    `… SET (pg_attver=22161880, n_distinct=5)`: name, sign, value, and a comma if there are more.
    """
    words = meaning(statement)
    if not _begins(words, (("alter", "table"),)):
        return statement
    at = next(
        (
            number
            for number, word in enumerate(words)
            if word.is_word(_STAMP)
            and _text(words, number - 1) in ("(", ",")
            and _text(words, number + 1) == "="
        ),
        None,
    )
    if at is None:
        return statement
    first, after = at, at + 3
    if _text(words, after) == ",":
        after += 1
    elif _text(words, at - 1) == ",":
        first -= 1
    elif _text(words, at - 1) == "(":
        return ()
    gone = {token.start for token in words[first:after]}
    return tuple(token for token in statement if token.start not in gone)


def _begins(words: list[Token], beginnings: Iterable[tuple[str, ...]]) -> bool:
    said = tuple(token.text.lower() for token in words[:4])
    return any(said[: len(beginning)] == beginning for beginning in beginnings)


def _is_the_schema(words: list[Token], number: int, name: str) -> bool:
    token = words[number]
    if token.kind is Kind.STRING:
        return _says(token, name) and (
            _is_cast_to_reg(words, number) or _is_first_of_setval(words, number)
        )
    return token.names(name) and _text(words, number + 1) == "."


def _says(token: Token, schema: str) -> bool:
    quoted = schema.replace('"', '""')
    return token.value.startswith((f"{schema}.", f'"{quoted}".'))


def _is_cast_to_reg(words: list[Token], number: int) -> bool:
    if _text(words, number + 1) != _COLON or _text(words, number + 2) != _COLON:
        return False
    return _text(words, number + 3).startswith("reg")


def _is_first_of_setval(words: list[Token], number: int) -> bool:
    call = [_text(words, at) for at in range(number - 4, number)]
    return call == ["pg_catalog", ".", "setval", "("]


def _text(words: list[Token], number: int) -> str:
    return words[number].text.lower() if 0 <= number < len(words) else ""


def _in_place_of(token: Token, name: str) -> str:
    if token.kind is not Kind.STRING:
        return PLACEHOLDER
    quoted = f'"{name}".'
    beginning = quoted if token.value.startswith(quoted) else f"{name}."
    return token.text.replace(beginning, f"{PLACEHOLDER}.", 1)


def _refuse(words: list[Token], statement: Statement, forbidden: Collection[str]) -> None:
    """In names, in strings that are cast to names, and in the bodies of functions."""
    if not forbidden:
        return
    is_function = {"function", "procedure"} & {token.text.lower() for token in words[:4]}
    for number, token in enumerate(words):
        if token.kind in (Kind.WORD, Kind.QUOTED) and _text(words, number + 1) == ".":
            said = token.text.lower() if token.kind is Kind.WORD else token.value
            # What follows another dot is no schema but a table or a column.
            if said in forbidden and _text(words, number - 1) != ".":
                raise LeavesTheSchema(said, text_of(statement))
        elif token.kind is Kind.STRING and _is_cast_to_reg(words, number):
            schema = token.value.partition(".")[0].strip('"')
            if "." in token.value and schema in forbidden:
                raise LeavesTheSchema(schema, text_of(statement))
        if is_function and token.kind in (Kind.STRING, Kind.DOLLAR):
            for schema in _schemas_in(token.value):
                if schema in forbidden:
                    raise LeavesTheSchema(schema, text_of(statement))


def _schemas_in(body: str) -> set[str]:
    return {
        (bare or quoted).lower()
        for bare, quoted in re.findall(r'(?<![\w.$"])(?:([^\W\d][\w$]*)|"([^"]+)")\s*\.', body)
    }
