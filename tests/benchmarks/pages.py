"""Writing results: the page in docs/benchmarks and the raw figures in .bench."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text and whose others are figures, aligned for reading."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "-" * (widths[0] + 2)
    rule += "".join("|" + "-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(header), rule, *(line(row) for row in rows)])


def publish(
    name: str, *, page: str, figures: object, quick: bool, page_name: str | None = None
) -> None:
    """Print the page and write both files; a quick run leaves the page in docs alone.

    name: of the raw figures; `page_name` of the page, where that is called otherwise.
    """
    print(page)
    raw = ROOT / ".bench" / f"{name}.json"
    raw.parent.mkdir(exist_ok=True)
    raw.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\nRaw figures: {raw.relative_to(ROOT)}")
    if quick:
        print("A quick run: docs/benchmarks is left as it was.")
        return
    written = ROOT / "docs" / "benchmarks" / f"{page_name or name}.md"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(page + "\n")
    print(f"Page: {written.relative_to(ROOT)}")
