"""From moves and answers to quantiles, goals and tables. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import add
from statistics import median
from typing import Any, Final

from tests.benchmarks.move_oracle import ACKNOWLEDGED, Verdict
from tests.benchmarks.pages import markdown_table

IDLE_GOAL_MS: Final = 40.0
BUSY_GOAL_MS: Final = 120.0
HTTP_P99_GOAL_MS: Final = 300.0
LONGEST_GOAL_MS: Final = 1000.0
REFUSED: Final = 503
_PAUSE_STEPS: Final = ("lock", "changes", "freeze", "look", "prepare", "switch", "open")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some moves of one case, and what clients were told meanwhile.

    Attributes:
        moves: what `move_mover.move` answered.
        answers: what `move_clients` wrote down.
        wal_mb_per_second: of the source's server, while the batch lasted.
    """

    case: str
    moves: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    verdict: Verdict
    wal_mb_per_second: float

    @property
    def done(self) -> list[Mapping[str, Any]]:
        """Moves that ended at the target."""
        return [one for one in self.moves if "receipt" in one]

    @property
    def met(self) -> list[Mapping[str, Any]]:
        """What was asked over HTTP and was under way while a move was."""
        return [one for one in self.answers if one["kind"] != "sql" and self._met_a_move(one)]

    def _met_a_move(self, one: Mapping[str, Any]) -> bool:
        begin, end = one["asked"], one["asked"] + one["took"]
        return any(begin < move["ended"] and end >= move["began"] for move in self.moves)


@dataclass(frozen=True, slots=True)
class Copies:
    """How fast rows get over, and are compared.

    Attributes:
        bytes: of the tenant's rows; `bytes_with_indexes` of all that there is.
        whole_s: making the tables and copying all rows into them, with indexes and statistics.
        compare_s: comparing both copies.
        peer_s: what pgcopydb took from nothing to the same; empty: it was not there.
    """

    bytes: int
    bytes_with_indexes: int
    whole_s: Sequence[float]
    copy_s: Sequence[float]
    compare_s: Sequence[float]
    peer_s: Sequence[float]
    peer_version: str = ""

    def rate(self, seconds: Sequence[float]) -> float | None:
        """Megabytes of rows in a second, the median; None: not measured."""
        return round(self.bytes / 1e6 / median(seconds), 1) if seconds else None


def quantile(values: Iterable[float], share: float) -> float | None:
    """What `share` of them do not exceed; None where there are none."""
    ordered = sorted(values)
    return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 1) if ordered else None


def pauses(batches: Iterable[Batch], *cases: str) -> list[float]:
    """Milliseconds, of all moves of these cases; of all cases where none is named."""
    return [
        one["receipt"]["pause_ms"]["total"]
        for batch in batches
        if not cases or batch.case in cases
        for one in batch.done
    ]


def verdict_of(batches: Iterable[Batch]) -> Verdict:
    """What the oracle found in all of them."""
    return reduce(add, (batch.verdict for batch in batches), Verdict())


def as_json(batches: Sequence[Batch], copies: Copies | None) -> dict[str, Any]:
    """The keys that the goals speak of, and no others; null: not measured."""
    met = [one for batch in batches for one in batch.met]
    all_http = [one for batch in batches for one in batch.answers if one["kind"] != "sql"]
    found, block = verdict_of(batches), pauses(batches)
    return {
        "pause_ms": {"p50": None, "p99": None},
        "block_pause_ms": {
            "p50": quantile(block, 0.5),
            "p99": quantile(block, 0.99),
            "idle_p50": quantile(pauses(batches, "idle"), 0.5),
            "busy_p50": quantile(pauses(batches, "busy"), 0.5),
        },
        "pause_300_tables_ms": {"p50": None},
        "lost_writes": found.lost,
        "duplicated_effects": found.doubled,
        "http_503": sum(one["status"] == REFUSED for one in all_http),
        "client_errors": sum(one["status"] not in (ACKNOWLEDGED, REFUSED) for one in all_http),
        "longest_request_ms": quantile((one["took"] * 1000 for one in met), 1.0),
        "copy_mb_per_s": copies and copies.rate(copies.whole_s),
        "pgcopydb_mb_per_s": copies and copies.rate(copies.peer_s),
        "verify_mb_per_s": copies and copies.rate(copies.compare_s),
    }


def goals(batches: Sequence[Batch], copies: Copies | None) -> str:
    """Each goal with what this run says of it."""
    told = as_json(batches, copies)
    met = [one["took"] * 1000 for batch in batches for one in batch.met]
    p99 = quantile(met, 0.99)
    of_block = told["block_pause_ms"]
    rows = [
        _goal("pause, nothing written, p50, ms", "< 40", of_block["idle_p50"], IDLE_GOAL_MS),
        _goal("pause, busy, p50, ms", "< 120", of_block["busy_p50"], BUSY_GOAL_MS),
        _goal("HTTP requests during a move, p99, ms", "< 300", p99, HTTP_P99_GOAL_MS),
        _goal("the longest of them, ms", "< 1000", told["longest_request_ms"], LONGEST_GOAL_MS),
        _goal("acknowledged writes that are lost", "0", told["lost_writes"], 1),
        _goal("writes or effects that are doubled", "0", told["duplicated_effects"], 1),
        _goal("HTTP errors other than 503", "0", told["client_errors"], 1),
        _goal("HTTP 503", "0", told["http_503"], 1),
    ]
    return markdown_table(["", "goal", "found"], rows)


def _goal(what: str, wanted: str, found: float | None, below: float) -> list[str]:
    if found is None:
        return [what, wanted, "not measured"]
    return [what, wanted, f"{found:g}{'' if found < below else ' (missed)'}"]


def pause_table(batches: Sequence[Batch]) -> str:
    """What pauses are made of: medians by step, and the whole."""
    rows = []
    for case in dict.fromkeys(batch.case for batch in batches):
        taken = [
            one["receipt"]["pause_ms"]
            for batch in batches
            if batch.case == case
            for one in batch.done
        ]
        if not taken:
            continue
        whole = [one["total"] for one in taken]
        rows.append(
            [
                case,
                str(len(taken)),
                *(_ms(median(one.get(step, 0.0) for one in taken)) for step in _PAUSE_STEPS),
                *(_ms(quantile(whole, share)) for share in (0.5, 0.95, 0.99, 1.0)),
            ]
        )
    header = ["case", "moves", *_PAUSE_STEPS, "p50", "p95", "p99", "longest"]
    return markdown_table(header, rows)


def steps_table(batches: Sequence[Batch]) -> str:
    """What whole moves are made of: medians by step of the journal, in milliseconds."""
    cases = list(dict.fromkeys(batch.case for batch in batches))
    names = list(
        dict.fromkeys(step for batch in batches for one in batch.done for step in one["steps_ms"])
    )
    rows = [
        [name, *(_ms(_median(_of(batches, case, _step(name)))) for case in cases)] for name in names
    ]
    rows.append(["the whole move", *(_ms(_median(_of(batches, case, _whole))) for case in cases)])
    return markdown_table(["step", *cases], rows)


def clients_table(batches: Sequence[Batch]) -> str:
    """What clients met: HTTP by case, during moves and all the time; SQL's refusals."""
    rows = []
    for case in dict.fromkeys(batch.case for batch in batches):
        mine = [batch for batch in batches if batch.case == case]
        met = [one for batch in mine for one in batch.met]
        took = [one["took"] * 1000 for one in met]
        sql = [one for batch in mine for one in batch.answers if one["kind"] == "sql"]
        refused = Counter(str(one["status"]) for one in sql if one["status"] != ACKNOWLEDGED)
        found = verdict_of(mine)
        rows.append(
            [
                case,
                str(len(met)),
                *(_ms(quantile(took, share)) for share in (0.5, 0.99, 1.0)),
                str(sum(one["status"] == REFUSED for one in met)),
                str(sum(one["status"] not in (ACKNOWLEDGED, REFUSED) for one in met)),
                ", ".join(f"{times} × {state}" for state, times in sorted(refused.items())) or "-",
                str(found.acknowledged),
            ]
        )
    header = [
        "case", "HTTP requests", "p50, ms", "p99, ms", "longest, ms", "503", "errors",
        "SQL refused", "writes acknowledged",
    ]  # fmt: skip
    return markdown_table(header, rows)


def copy_table(copies: Copies) -> str:
    """Rates beside the peer's."""
    peer = f"pgcopydb {copies.peer_version}, clone (compares nothing)".replace(" ,", ",")
    rows = [
        ["Atoll: tables, rows, indexes, statistics", *_rate(copies, copies.whole_s)],
        ["of that, rows alone, into tables with their indexes", *_rate(copies, copies.copy_s)],
        [peer, *_rate(copies, copies.peer_s)],
        ["Atoll: comparing both copies", *_rate(copies, copies.compare_s)],
    ]
    return markdown_table(["", "seconds", "MB of rows per second"], rows)


def _rate(copies: Copies, seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return ["not measured", "-"]
    return [f"{median(seconds):.1f}", f"{copies.rate(seconds):.1f}"]


def _of(
    batches: Iterable[Batch], case: str, value: Callable[[Mapping[str, Any]], float]
) -> list[float]:
    return [value(one) for batch in batches if batch.case == case for one in batch.done]


def _step(name: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda one: float(one["steps_ms"].get(name, 0.0))


def _whole(one: Mapping[str, Any]) -> float:
    return float((one["ended"] - one["began"]) * 1000)


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
