"""Read a list of tenants to be made, as CSV, and write one of those that could not be."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenants.errors import TenantError
from tenants.services.asking import check_request
from tenants.services.change_plan import check_plan
from tenants.services.errors import InvalidList
from tenants.services.types import AUTO, ProvisionRequest

COLUMNS: Final = ("slug", "name", "domains", "shard", "labels", "plan", "admin_email")
"""What a list may say of a tenant; only the slug must be there. Between several domains, or labels,
are spaces."""

OF_ERRORS: Final = ("line", "error")
"""Columns of a file of errors, which is itself a list: mended, it is read again."""

_DELIMITERS: Final = ",;\t"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list.

    Attributes:
        number: in the file, the header being 1.
        cells: what it says, by column.
        request: None when it says what cannot be.
        error: why; empty when it can.
    """

    number: int
    cells: dict[str, str]
    request: ProvisionRequest | None = None
    error: str = ""

    @property
    def slug(self) -> str:
        """As it stands there, whether or not it can be one."""
        return self.cells.get("slug", "")


def read_list(path: Path, *, shard: str = AUTO) -> list[Line]:
    """The lines of the list, each looked at by itself and beside the others; asks no server.

    shard: of lines that name none.

    Raises:
        InvalidList: as a whole it is none. What is wrong with a line is told by that line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidList(str(path), f"It cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        at = error.object[: error.start].count(b"\n") + 1
        raise InvalidList(str(path), f"Line {at} is not UTF-8. Save it as UTF-8.") from error
    rows = _rows(str(path), text)
    header = next(rows, None)
    if header is None:
        raise InvalidList(str(path), "It is empty.")
    columns = _columns(str(path), header[1])
    lines = [_line(number, columns, cells, shard) for number, cells in rows]
    if not lines:
        raise InvalidList(str(path), "It names no tenant: nothing follows its header.")
    return list(_told_apart(lines))


def write_errors(path: Path, failed: Sequence[tuple[Line, str]]) -> None:
    """Write the lines that failed, each with its number and why, as a list to be mended.

    An earlier file of errors is replaced, as a whole or not at all; without failures it goes.

    Raises:
        InvalidList: there is another file of this name; it stays.
        OSError: it cannot be written.
    """
    check_is_ours(path)
    if not failed:
        path.unlink(missing_ok=True)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*OF_ERRORS, *COLUMNS], extrasaction="ignore")
        writer.writeheader()
        for line, error in failed:
            writer.writerow({"line": line.number, "error": error, **line.cells})
    beside.replace(path)


def check_is_ours(path: Path) -> None:
    """Refuse to write errors over what is no file of errors.

    Raises:
        InvalidList: it is none.
    """
    if not path.exists():
        return
    ours = ",".join(OF_ERRORS).encode()
    try:
        with path.open("rb") as file:
            found = file.read(len(ours))
    except OSError as error:
        raise InvalidList(str(path), f"It cannot be read: {error.strerror}.") from error
    if found != ours:
        raise InvalidList(
            str(path), "It is there and is no file of errors. Name another one with --errors."
        )


def _rows(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that say anything, each with the number of its first line."""
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, [cell.strip() for cell in cells]
            number = reader.line_num + 1
    except csv.Error as error:
        raise InvalidList(path, f"From line {number} on it is no CSV: {error}.") from error


def _columns(path: str, header: list[str]) -> list[str]:
    columns = [cell.lower() for cell in header]
    known = {*COLUMNS, *OF_ERRORS}
    wanted = f"It must have `slug`, and may have any of {', '.join(COLUMNS[1:])}."
    if "slug" not in columns:
        said = ", ".join(header)[:80]
        raise InvalidList(path, f"Its first line names no columns ({said!r}). {wanted}")
    if "admin_password" in columns:
        raise InvalidList(
            path, "Passwords do not belong into files: leave out the column admin_password."
        )
    if unknown := [column for column in columns if column not in known]:
        raise InvalidList(path, f"Nobody knows the column {unknown[0][:80]!r}. {wanted}")
    if len(set(columns)) < len(columns):
        raise InvalidList(path, "A column stands there twice.")
    return columns


def _line(number: int, columns: list[str], cells: list[str], shard: str) -> Line:
    said = dict(zip(columns, cells, strict=False))
    for column in OF_ERRORS:
        said.pop(column, None)
    if len(cells) > len(columns):
        error = f"It has {len(cells)} cells, and the header {len(columns)}."
        return Line(number, said, error=error)
    try:
        request = ProvisionRequest(
            slug=said.get("slug", ""),
            name=said.get("name", ""),
            shard=said.get("shard") or shard,
            domains=tuple(said.get("domains", "").split()),
            labels=tuple(said.get("labels", "").split()),
            plan=check_plan(said.get("plan", "")),
            admin_email=said.get("admin_email", ""),
        )
        check_request(request)
    except TenantError as error:
        return Line(number, said, error=str(error))
    return Line(number, said, request)


def _told_apart(lines: Iterable[Line]) -> Iterator[Line]:
    """Of two lines that want the same slug or domain the second is wrong."""
    seen: dict[str, int] = {}
    for line in lines:
        if line.request is None:
            yield line
            continue
        wanted = [line.request.slug, *check_request(line.request)[1:]]
        twice = next((each for each in wanted if each in seen), None)
        if twice is not None:
            yield Line(line.number, line.cells, error=f"Line {seen[twice]} has {twice!r} already.")
            continue
        seen |= dict.fromkeys(wanted, line.number)
        yield line
