"""CSV files that people bring: which columns they have, and their rows. Touches no database."""

import csv
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO, Final

from workspace.errors import ImportRefused
from workspace.services.csv_cells import arm

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_ROWS: Final = 50_000
DELIMITERS: Final = ",;\t|"
KNOWN: Final = (
    "title",
    "body",
    "status",
    "priority",
    "assignee",
    "opened_by",
    "opened_at",
    "closed_by",
    "closed_at",
)
"""Columns that are read; others are passed over."""

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out.

    Attributes:
        delimiter: what stands between cells.
        columns: the names of the columns, in the file's order.
    """

    delimiter: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        number: as a spreadsheet counts: the header is row 1, empty rows count.
        cells: by name of the column; None where the row has more cells than the header.
    """

    number: int
    cells: dict[str, str] | None


def count_rows(content: IO[bytes]) -> int:
    """Read the whole file once, and say how many rows there are to import.

    Raises:
        ImportRefused: it cannot be imported as a whole.
    """
    _refuse_what_is_no_text(content)
    count = 0
    for row in read_rows(content):
        count += 1
        if count > MOST_ROWS:
            raise ImportRefused(
                f"Row {row.number} is one too many: a file may have {MOST_ROWS:,} rows."
            )
    if not count:
        raise ImportRefused("Below its header the file has no rows.")
    return count


def read_rows(content: IO[bytes]) -> Generator[Row, None, None]:
    """The rows below the header, without those that are empty.

    Raises:
        ImportRefused: while reading, at the place that cannot be read.
    """
    content.seek(0)
    text = TextIOWrapper(content, encoding="utf-8-sig", newline="")
    number = 0
    try:
        layout = _layout(text)
        text.seek(0)
        for number, cells in enumerate(_reader(text, layout.delimiter), start=1):
            if number > 1 and any(cell.strip() for cell in cells):
                yield Row(number, _named(layout, cells))
    except UnicodeDecodeError as error:
        raise ImportRefused(
            "The file is not in UTF-8. Save it as “CSV UTF-8”, then bring it again."
        ) from error
    except csv.Error as error:
        raise ImportRefused(f"Row {number + 1} is no CSV: {error}.") from error
    finally:
        # `content` stays open for whoever opened it.
        text.detach()


def _refuse_what_is_no_text(content: IO[bytes]) -> None:
    content.seek(0)
    begin = content.read(4096)
    if not begin.strip():
        raise ImportRefused("The file is empty.")
    if begin.startswith(_UTF_16):
        raise ImportRefused("The file is in UTF-16. Save it as “CSV UTF-8”, then bring it again.")
    if begin.startswith(_ZIP):
        raise ImportRefused("This is a spreadsheet, no CSV file. Save it as “CSV UTF-8”.")
    if b"\0" in begin:
        raise ImportRefused("The file is no text. Save it as “CSV UTF-8”, then bring it again.")


def _layout(text: TextIOWrapper) -> Layout:
    """The layout that makes the most sense of the first line.

    By the names that are known, since counting signs takes a comma in a title for a delimiter.
    """
    header = text.readline()
    layouts = [Layout(delimiter, _columns(header, delimiter)) for delimiter in DELIMITERS]
    best = max(layouts, key=lambda layout: len(set(layout.columns) & set(KNOWN)))
    if "title" not in best.columns:
        found = ", ".join(f"“{name}”" for name in best.columns if name)[:200] or "none"
        raise ImportRefused(f"No column is called “title”. The columns are: {found}.")
    twice = {name for name in best.columns if name in KNOWN and best.columns.count(name) > 1}
    if twice:
        raise ImportRefused(f"More than one column is called “{sorted(twice)[0]}”.")
    return best


def _columns(header: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(map(_name, next(_reader([header], delimiter), [])))
    except csv.Error:  # with this delimiter it is no CSV
        return ()


def _reader(lines: "TextIOWrapper | Sequence[str]", delimiter: str) -> Iterator[list[str]]:
    # Strict: a quote that is never closed would make one cell of all that follows.
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _name(cell: str) -> str:
    """A header as people write it: “Opened at”, “ TITLE ”, “opened-by”."""
    return "_".join(cell.replace("-", " ").replace("_", " ").split()).lower()


def _named(layout: Layout, cells: list[str]) -> dict[str, str] | None:
    width = len(layout.columns)
    if any(cell.strip() for cell in cells[width:]):
        return None
    # Some programs leave out what is empty at the end of a row.
    padded = cells[:width] + [""] * (width - len(cells))
    return {name: arm(cell) for name, cell in zip(layout.columns, padded, strict=True)}
