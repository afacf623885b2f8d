"""Results as a page: `python -m tests.scenarios.moves.matrix.table`, once cells were played."""

import sys
from collections.abc import Mapping

from tests.scenarios.moves.matrix.cells import POINTS, Fault, all_cells
from tests.scenarios.moves.matrix.results import FILE, ROOT, Result, kept

PAGE = ROOT / "docs" / "benchmarks" / "moves-under-fault.md"
BEGIN = "<!-- the table is written by tests/scenarios/moves/matrix/table.py -->"
_SIGN = {"done": "→", "aborted": "←"}


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


def summary(results: Mapping[str, Result]) -> str:
    """How many cells were played, when and where, and how long they took."""
    played = [results[cell.name] for cell in all_cells() if cell.name in results]
    if not played:
        return "No cell was played."
    seconds = sorted(one.seconds for one in played)
    back = sum(one.ended == "aborted" for one in played)
    days = sorted({one.at for one in played})
    machines = " and ".join(sorted({one.machine for one in played}))
    return (
        f"{len(played)} of {len(all_cells())} cells played on {' to '.join({days[0], days[-1]})} "
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
    head, _, _ = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{summary(results)}\n\n{table(results)}\n")
    sys.stdout.write(f"{PAGE}: {summary(results)}\n")


if __name__ == "__main__":
    main()
