"""What came of a simulation, in tables for people."""

from collections.abc import Sequence
from typing import Final

from sharding.rebalance.core.types import GIGABYTE
from sharding.rebalance.simulation.run import Outcome

_WIDTH: Final = 40
_LINES: Final = 10
_WORDS: Final = (
    "RATIO: of the fullest shard, what it holds in parts of its fair share.",
    "PEAK: the load of the fullest shard in its fullest hour, in parts of its capacity.",
    "BOUND: bytes that any plans move for the same balance.",
    "TWICE: moved again within 7 days.",
)


def bar(done: int, whole: int) -> str:
    """How far it is."""
    full = _WIDTH * done // max(whole, 1)
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] day {done} of {whole}"


def balance_table(outcomes: Sequence[Outcome]) -> str:
    """Over the days, of each the fullest shard: by its fair share, and in its worst hour."""
    row = "{:>4} {:>8}" + "  {:>8} {:>6} {:>6}" * len(outcomes)
    lines = [
        " " * 13 + "".join(f"  {outcome.name:^22}" for outcome in outcomes),
        row.format("DAY", "TENANTS", *("RATIO", "PEAK", "MOVES") * len(outcomes)),
    ]
    days = len(outcomes[0].days)
    for at in range(days):
        if at % max(1, -(-days // _LINES)) and at != days - 1:
            continue
        cells: list[object] = [at, outcomes[0].days[at].tenants]
        for outcome in outcomes:
            day = outcome.days[at]
            cells += [f"{day.worst:.2f}", f"{day.peak:.0%}", day.moves]
        lines.append(row.format(*cells))
    return "\n".join(lines)


def totals_table(outcomes: Sequence[Outcome]) -> str:
    """Moves, bytes beside the least for the same balance, churn, and how full shards were."""
    row = "{:<8} {:>7} {:>9} {:>8} {:>6} {:>6} {:>6} {:>6}"
    lines = [row.format("", "MOVES", "GB", "/ BOUND", "TWICE", "P50", "P99", "PEAK")]
    for each in outcomes:
        ratio = f"{each.bytes / each.bound:.3f}" if each.bound else "-"
        lines.append(
            row.format(
                each.name,
                each.moves,
                f"{each.bytes / GIGABYTE:,.0f}",
                ratio,
                each.twice,
                f"{each.p50:.0%}",
                f"{each.p99:.0%}",
                f"{each.peak:.0%}",
            )
        )
    return "\n".join([*lines, "", *_WORDS])
