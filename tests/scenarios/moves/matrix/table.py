"""Results as a page: `python -m tests.scenarios.moves.matrix.table`, once cells were played."""

import sys
from collections.abc import Collection, Mapping

from tests.scenarios.moves.matrix.cells import POINTS, Cell, Fault, all_cells
from tests.scenarios.moves.matrix.cells_of_streams import ROWS, WAYS, all_turns
from tests.scenarios.moves.matrix.results import FILE, ROOT, Result, kept

PAGE = ROOT / "docs" / "benchmarks" / "moves-under-fault.md"
BEGIN = "<!-- the table is written by tests/scenarios/moves/matrix/table.py -->"
STREAMS = "## Over streams"
"""What people have written of them stands between this heading and their table."""
_SIGN = {"done": "→", "aborted": "←", "arrived": "→", "stayed": "←"}


def table(results: Mapping[str, Result]) -> str:
    """Steps × faults: how the move ended, and how long fault and recovery took."""
    wanted = {(cell.point, cell.fault): cell.name for cell in all_cells()}
    lines = [
        f"| the mover is at | {' | '.join(Fault)} |",
        f"|---|{'---|' * len(Fault)}",
    ]
    for point in POINTS:
        cells = [_cell(wanted.get((point, fault)), results) for fault in Fault]
        lines.append(f"| `{point}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_streams(results: Mapping[str, Result]) -> str:
    """Steps × ways: which faults were played there, how each ended and how long it took."""
    names = [f"on the way {way.name}" for way in WAYS]
    lines = [f"| the mover is at | {' | '.join(names)} |", f"|---|{'---|' * len(WAYS)}"]
    for point in ROWS:
        rows = [
            ", ".join(
                f"{cell.fault} {_cell(cell.name, results)}"
                for cell in all_turns(way)
                if cell.point == point and cell.name in results
            )
            or ("–" if point in way.points else "")
            for way in WAYS
        ]
        lines.append(f"| `{point}` | {' | '.join(rows)} |")
    return "\n".join(lines)


def summary(results: Mapping[str, Result], cells: Collection[Cell]) -> str:
    """How many cells were played, when and where, and how long they took."""
    played = [results[cell.name] for cell in cells if cell.name in results]
    if not played:
        return "No cell was played."
    seconds = sorted(one.seconds for one in played)
    back = sum(_SIGN[one.ended] == "←" for one in played)
    days = sorted({one.at for one in played})
    machines = " and ".join(sorted({one.machine for one in played}))
    return (
        f"{len(played)} of {len(cells)} cells played on {' to '.join(sorted({*days}))} "
        f"({machines}): {back} moves taken back, {len(played) - back} finished; fault and both "
        f"recoveries took {seconds[len(seconds) // 2]:.1f} s in the middle, {seconds[-1]:.1f} s "
        "at most."
    )


def _cell(name: str | None, results: Mapping[str, Result]) -> str:
    if name is None:
        return ""
    found = results.get(name)
    return "–" if found is None else f"{_SIGN[found.ended]} {found.seconds:.1f}"


def main() -> None:
    results = kept()
    if not results:
        sys.exit(f"{FILE} holds nothing: play the cells first")
    page = PAGE.read_text()
    of_blocks, _, of_streams = page.partition(STREAMS)
    cells_of_streams = [cell for way in WAYS for cell in all_turns(way)]
    parts = [
        _part(of_blocks, all_cells(), table(results), results),
        _part(f"{STREAMS}{of_streams}", cells_of_streams, table_of_streams(results), results),
    ]
    PAGE.write_text("\n".join(parts))


def _part(text: str, cells: Collection[Cell], made: str, results: Mapping[str, Result]) -> str:
    """A part of the page with its table made anew; as it is where none of its cells was played."""
    if not any(cell.name in results for cell in cells):
        return f"{text.rstrip()}\n"
    head, _, _ = text.partition(BEGIN)
    said = summary(results, cells)
    sys.stdout.write(f"{PAGE}: {said}\n")
    return f"{head}{BEGIN}\n\n{said}\n\n{made}\n"


if __name__ == "__main__":
    main()
