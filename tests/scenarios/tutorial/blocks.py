"""The commands of a page, and what they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GAP = "…"


@dataclass
class Block:
    """Commands that are typed together, and what the page says they print; None: it does not."""

    commands: str
    printed: str | None = None


def blocks_of(page: Path) -> list[Block]:
    found: list[Block] = []
    for kind, text in _FENCED.findall(page.read_text("utf-8")):
        if kind == "sh":
            found.append(Block(text))
        else:
            assert found, "nothing was typed that could print this"
            assert found[-1].printed is None, f"two outputs in a row: {text}"
            found[-1].printed = text
    return found


def missing(printed: str, output: str) -> Iterator[str]:
    """Lines of the page that the output does not have, in their order.

    A gap stands for anything within a line; a line that is one, for any lines.
    """
    rest = [line.rstrip() for line in output.splitlines()]
    for line in printed.splitlines():
        if line.strip() == GAP:
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split(GAP)))
        for number, found in enumerate(rest):
            if pattern.fullmatch(found):
                rest = rest[number + 1 :]
                break
        else:
            yield line
