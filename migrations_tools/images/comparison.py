"""Compare two builds of one state, and put expressions in the place of what must differ. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migrations_tools.images.errors import BuildsDiffer
from migrations_tools.images.lexer import Kind, Token, meaning, statements, text_of

# What a commit makes known to other sessions is some 70 rows of the catalogue for a statement that
# makes a table or a counter, 20 for an index or a key (measured, 43 tables). PostgreSQL keeps 4,096
# for those who are behind, of all commits together.
TABLES_AT_ONCE: Final = 20
KEYS_AT_ONCE: Final = 60
STATEMENTS_AT_ONCE: Final = max(TABLES_AT_ONCE, KEYS_AT_ONCE)
"""In one transaction, at most."""


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT as pg_dump writes it.

    Attributes:
        head: all before the first row.
        rows: the cells of each row, as they are written.
    """

    table: str
    columns: tuple[str, ...]
    head: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """As a statement again."""
        lines = ",\n".join(f"({', '.join(row)})" for row in self.rows)
        return f"{self.head}\n{lines}"


def agreed(
    one: Sequence[str], other: Sequence[str], expressions: Mapping[str, str]
) -> tuple[str, ...]:
    """The script that both builds are, with expressions where they were declared.

    `expressions` are SQL by `table.column`.

    Raises:
        BuildsDiffer: something differs for which no expression was declared.
    """
    found = tuple(_differences(one, other, expressions))
    if found:
        raise BuildsDiffer(found)
    return tuple(_expressed(statement, expressions) for statement in one)


def seeds(script: Sequence[str]) -> tuple[str, ...]:
    """The statements that put rows into tables and say where sequences stand."""
    return tuple(statement for statement in script if is_seed(statement))


def is_seed(statement: str) -> bool:
    """Whether it is one of these."""
    return statement.startswith(("INSERT INTO ", "SELECT pg_catalog.setval("))


def in_three(script: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What comes before the seeds, the seeds, and what needs them to be there."""
    places = [number for number, statement in enumerate(script) if is_seed(statement)]
    if not places:
        return tuple(script), (), ()
    first, last = places[0], places[-1] + 1
    return tuple(script[:first]), tuple(script[first:last]), tuple(script[last:])


def cut(script: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The three parts, each as texts after which a transaction may end."""
    before, rows, after = in_three(script)
    return (
        in_pieces(before, TABLES_AT_ONCE),
        in_pieces(rows, len(rows) or 1),
        in_pieces(after, KEYS_AT_ONCE),
    )


def in_pieces(script: Sequence[str], size: int) -> tuple[str, ...]:
    """The statements as texts of at most `size` statements each."""
    return tuple(";\n".join(script[first : first + size]) for first in range(0, len(script), size))


def parse_insert(statement: str) -> Insert | None:
    """The rows of an INSERT; None where it is another statement, or one without VALUES."""
    if not statement.startswith("INSERT INTO "):
        return None
    tokens = next(statements(statement))
    words = meaning(tokens)
    values = next((at for at, token in enumerate(words) if token.is_word("values")), None)
    if values is None or values + 1 == len(words):
        return None
    opening = next((at for at, token in enumerate(words) if token.text == "("), values)
    closing = next((at for at, token in enumerate(words) if token.text == ")"), values)
    named = words[opening + 1 : closing] if opening < values else []
    return Insert(
        table=words[opening - 1].value if opening < values else words[values - 1].value,
        columns=tuple(token.value for token in named if token.text != ","),
        head=statement[: words[values].start + len(words[values].text)],
        rows=tuple(_rows([token for token in tokens if token.start > words[values].start])),
    )


def _rows(tokens: Sequence[Token]) -> Iterator[tuple[str, ...]]:
    depth = 0
    cells: list[str] = []
    cell: list[Token] = []
    for token in tokens:
        if token.text == ")":
            depth -= 1
            if depth == 0:
                yield (*cells, text_of(cell).strip())
                cells, cell = [], []
                continue
        if depth == 1 and token.text == ",":
            cells.append(text_of(cell).strip())
            cell = []
        elif depth:
            cell.append(token)
        if token.text == "(" and token.kind is Kind.SIGN:
            depth += 1


def _expressed(statement: str, expressions: Mapping[str, str]) -> str:
    insert = parse_insert(statement)
    if insert is None:
        return statement
    by_place = {
        place: expressions[f"{insert.table}.{column}"]
        for place, column in enumerate(insert.columns)
        if f"{insert.table}.{column}" in expressions
    }
    if not by_place:
        return statement
    rows = tuple(
        tuple(
            by_place[place] if place in by_place and cell != "NULL" else cell
            for place, cell in enumerate(row)
        )
        for row in insert.rows
    )
    return Insert(insert.table, insert.columns, insert.head, rows).text


def _differences(
    one: Sequence[str], other: Sequence[str], expressions: Mapping[str, str]
) -> Iterator[str]:
    if len(one) != len(other):
        extra = sorted(set(one) ^ set(other))
        yield f"one has {len(one)} statements and the other {len(other)}, such as {_short(extra)}"
        return
    for first, second in zip(one, other, strict=True):
        if first == second:
            continue
        before, after = parse_insert(first), parse_insert(second)
        if before is None or after is None or before.head != after.head:
            yield f"{_short([first])} and {_short([second])}"
        elif len(before.rows) != len(after.rows):
            yield f"{before.table} has {len(before.rows)} rows and {len(after.rows)}"
        else:
            yield from _cells(before, after, expressions)


def _cells(before: Insert, after: Insert, expressions: Mapping[str, str]) -> Iterator[str]:
    told: set[str] = set()
    for one, other in zip(before.rows, after.rows, strict=True):
        for column, first, second in zip(before.columns, one, other, strict=True):
            name = f"{before.table}.{column}"
            if first != second and name not in expressions and name not in told:
                told.add(name)
                yield f"{name} is {first[:60]} and {second[:60]}"


def _short(found: Sequence[str]) -> str:
    line = " ".join(found[0].split()).replace("\x00.", "") if found else "none"
    return f"`{line[:120]}`"
