"""The page and the raw figures of `make bench-move`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from sharding.moves.core.steps import PARTS_OF_A_PAUSE
from tests.benchmarks import move_batches
from tests.benchmarks.conditions import Machine
from tests.benchmarks.move_figures import quantile
from tests.benchmarks.move_ground import THREADS, WORKERS
from tests.benchmarks.move_plan import BLOCK, COPY, LOGICAL, PARTS, TABLES, VERSIONS
from tests.benchmarks.move_results import Copies, Found, Rates, Results, Switches
from tests.benchmarks.pages import markdown_table, publish

_QUIET: Final = 0.5
"""Load per CPU before the run, below which a machine is the run's own."""
_NOT_MEASURED: Final = "Not measured."
_OLD: Final = (15, 16)
"""Versions that are to be moved from, and are measured where their programs are found."""

Goal = tuple[str, str, float | None, float]


def report(results: Results, *, quick: bool) -> None:
    """Print and write the page and the raw figures."""
    figures = {**as_json(results), "found": results.to_json()}
    publish("move", page=page_of(results), figures=figures, quick=quick, page_name="moves")


def page_of(results: Results) -> str:
    """The whole page."""
    filled = Path(__file__).with_name("move.md.in").read_text().format(**_words(results))
    # What was not measured leaves a gap.
    return re.sub(r"\n{3,}", "\n\n", filled).strip()


def as_json(results: Results) -> dict[str, Any]:
    """The keys that the goals speak of; null: not measured."""
    block, logical, tables = (results.parts.get(name) for name in (BLOCK, LOGICAL, TABLES))
    all_found = [*results.parts.values(), *results.versions.values()]
    copies = results.copies
    return {
        "pause_ms": {"p50": _pause(logical, 0.5), "p99": _pause(logical, 0.99)},
        "block_pause_ms": {
            "p50": _pause(block, 0.5),
            "p99": _pause(block, 0.99),
            "idle_p50": _pause(block, 0.5, "idle"),
            "busy_p50": _pause(block, 0.5, "busy"),
        },
        "pause_300_tables_ms": {"p50": _pause(tables, 0.5)},
        "lost_writes": sum(one.verdict.lost for one in all_found),
        "duplicated_effects": sum(one.verdict.doubled for one in all_found),
        "http_503": sum(one.http_503 for one in all_found),
        "client_errors": sum(one.client_errors for one in all_found),
        "longest_request_ms": max((one.met.longest or 0.0 for one in all_found), default=None),
        "copy_mb_per_s": copies and rate(copies, _of_mode(copies, "logical", "whole_s")),
        "block_copy_mb_per_s": copies and rate(copies, _of_mode(copies, "block", "whole_s")),
        "pgcopydb_mb_per_s": copies and rate(copies, copies.peer_s),
        "verify_mb_per_s": copies and rate(copies, _compared(copies)),
    }


def _words(results: Results) -> dict[str, object]:
    parts = results.parts
    return {
        **{f"machine_of_{part}": _machine(results, part) for part in PARTS},
        **{f"pauses_of_{part}": _of(parts.get(part), pause_table) for part in PARTS},
        **{f"clients_of_{part}": _of(parts.get(part), clients_table) for part in PARTS},
        **{f"about_{part}": _of(parts.get(part), _about) for part in PARTS},
        "steps_of_block": _of(parts.get(BLOCK), steps_table),
        "steps_of_logical": _of(parts.get(LOGICAL), steps_table),
        "versions": versions_table(results.versions) if results.versions else "",
        "copied": f"{results.copies.bytes / 1e6:.0f}" if results.copies else "-",
        "copies": copy_table(results.copies) if results.copies else "",
        "goals": goals(results),
        "workers": WORKERS,
        "threads": THREADS,
        "readers": move_batches.READERS,
        "writers": move_batches.WRITERS,
        "by_sql": move_batches.BY_SQL,
        "per_second": f"{move_batches.PER_SECOND:g}",
        "batch": parts[BLOCK].batch if BLOCK in parts else "-",
    }


def goals(results: Results) -> str:
    """Each goal with what was found of it."""
    found = as_json(results)
    block, logical = found["block_pause_ms"], found["pause_ms"]
    listed: list[Goal] = [
        ("logical mode: pause, p50, ms", "< 25", logical["p50"], 25),
        ("the same, p99, ms", "< 100", logical["p99"], 100),
        ("300 tables: pause, p50, ms", "< 60", found["pause_300_tables_ms"]["p50"], 60),
        ("block mode: pause, nothing written, p50, ms", "< 40", block["idle_p50"], 40),
        ("block mode: pause, busy, p50, ms", "< 120", block["busy_p50"], 120),
        *(goal for part in (LOGICAL, BLOCK) for goal in _http_goals(results, part)),
        ("acknowledged writes that are lost, of all parts", "0", found["lost_writes"], 1),
        ("writes or effects that are doubled", "0", found["duplicated_effects"], 1),
        ("writes without their effect, counters that are wrong", "0", _torn(results), 1),
        ("HTTP errors other than 503", "0", found["client_errors"], 1),
        ("HTTP 503", "0", found["http_503"], 1),
    ]
    return markdown_table(["", "goal", "found"], [_goal(*one) for one in listed])


def _torn(results: Results) -> int:
    return sum(one.without_effect + one.torn for one in results.verdicts)


def _http_goals(results: Results, part: str) -> list[Goal]:
    met = results.parts[part].met if part in results.parts else None
    return [
        (f"{part} mode: HTTP requests during a move, p99, ms", "< 300", met and met.p99, 300),
        ("the longest of them, ms", "< 1000", met and met.longest, 1000),
    ]


def _goal(what: str, wanted: str, found: float | None, below: float) -> list[str]:
    if found is None:
        return [what, wanted, "not measured"]
    return [what, wanted, f"{found:g}{'' if found < below else ' (missed)'}"]


def pause_table(found: Found) -> str:
    """What pauses are made of: medians by part, and the whole."""
    return _pauses([("", one) for one in found.switches])


def versions_table(versions: Mapping[str, Found]) -> str:
    """The same by version of PostgreSQL."""
    return _pauses(
        [
            (f"{found.postgres}: ", one)
            for _, found in sorted(versions.items())
            for one in found.switches
        ]
    )


def _pauses(listed: Sequence[tuple[str, Switches]]) -> str:
    there = [
        part
        for part in PARTS_OF_A_PAUSE
        if any(part in each for _, one in listed for each in one.pauses)
    ]
    rows = [
        [
            f"{before}{one.name}",
            str(len(one.pauses)),
            *(_ms(_median(each.get(part) for each in one.pauses)) for part in there),
            *(
                _ms(quantile((each["total"] for each in one.pauses), share))
                for share in (0.5, 0.95, 0.99, 1.0)
            ),
        ]
        for before, one in listed
    ]
    return markdown_table(["case", "switches", *there, "p50", "p95", "p99", "longest"], rows)


def steps_table(found: Found) -> str:
    """What whole moves are made of: medians by step of the journal, in milliseconds."""
    names = dict.fromkeys(step for one in found.switches for step in one.steps_ms)
    rows = [[name, *(_ms(one.steps_ms.get(name)) for one in found.switches)] for name in names]
    rows.append(["all of it", *(_ms(one.whole_ms) for one in found.switches)])
    return markdown_table(["step", *(one.name for one in found.switches)], rows)


def clients_table(found: Found) -> str:
    """What clients met over HTTP while something was under way."""
    rows = [
        [
            one.name,
            str(one.met.requests),
            *(_ms(value) for value in (one.met.p50, one.met.p99, one.met.longest)),
            str(one.met.refused),
            str(one.met.errors),
        ]
        for one in found.switches
    ]
    header = ["case", "HTTP requests", "p50, ms", "p99, ms", "longest, ms", "503", "errors"]
    return markdown_table(header, rows)


def copy_table(copies: Copies) -> str:
    """Rates beside the peer's."""
    peer = f"pgcopydb {copies.peer_version}, clone (compares nothing)".replace(" ,", ",")
    rows: list[tuple[str, list[float]]] = [
        (
            "Atoll, logical mode: tables, rows, then indexes, statistics",
            _of_mode(copies, "logical", "whole_s"),
        ),
        ("of that, rows alone", _of_mode(copies, "logical", "copy_s")),
        (
            "Atoll, block mode: tables, rows, indexes, statistics",
            _of_mode(copies, "block", "whole_s"),
        ),
        (
            "of that, rows alone, into tables with their indexes",
            _of_mode(copies, "block", "copy_s"),
        ),
        (peer, copies.peer_s),
        ("Atoll: comparing both copies", _compared(copies)),
    ]
    header = ["", "seconds", "MB of rows per second"]
    return markdown_table(header, [[what, *_rate(copies, some)] for what, some in rows])


def _rate(copies: Copies, seconds: list[float]) -> list[str]:
    if not seconds:
        return ["not measured", "-"]
    return [f"{median(seconds):.1f}", f"{rate(copies, seconds):.1f}"]


def rate(copies: Copies, seconds: list[float]) -> float | None:
    """Megabytes of rows in a second, the median; None: not measured."""
    return round(copies.bytes / 1e6 / median(seconds), 1) if seconds else None


def _of_mode(copies: Copies, mode: str, what: str) -> list[float]:
    found: Rates | None = copies.by_mode.get(mode)
    return getattr(found, what) if found else []


def _compared(copies: Copies) -> list[float]:
    return [took for rates in copies.by_mode.values() for took in rates.compare_s]


def _about(found: Found) -> str:
    """The tenant and its neighbours, and what the oracle says."""
    least, most = found.wal
    told = found.verdict
    refused = [
        f"{times} × {state}" for one in found.clients for state, times in one.sql_refused.items()
    ]
    failed = "; ".join(f"**{one}**" for one in found.failed)
    return (
        f"A tenant of {found.tables} tables with {found.bytes / 1e6:,.1f} MB of rows "
        f"({found.bytes_with_indexes / 1e6:,.1f} MB with indexes), {found.neighbours} neighbours, "
        f"whose server wrote {least} to {most} MB of WAL a second.\n\n"
        f"{told.acknowledged:,} writes were acknowledged: lost {told.lost}, doubled "
        f"{told.doubled}, without their effect {told.without_effect}, counters that are wrong "
        f"{told.torn}. "
        f"Refused to SQL clients, who tried the other shard then: "
        f"{', '.join(refused) or 'nothing'}. What did not come to its end: {failed or 'nothing'}."
    )


def _machine(results: Results, part: str) -> str:
    if part == COPY:
        return _sentence(results.copies.machine) if results.copies else _NOT_MEASURED
    if part == VERSIONS:
        told = [_sentence(found.machine) for _, found in sorted(results.versions.items())]
        absent = [str(major) for major in _OLD if str(major) not in results.versions]
        if absent:
            told.append(f"Not measured: PostgreSQL {' and '.join(absent)}.")
        return "\n".join(told)
    return _sentence(results.parts[part].machine) if part in results.parts else _NOT_MEASURED


def _sentence(machine: Machine) -> str:
    """What others did on the machine is in every figure."""
    if machine.load_before < machine.cpus * _QUIET:
        return f"{machine.sentence()} Nobody else worked on the machine."
    return (
        f"{machine.sentence()} **The machine was shared**: others' load of "
        f"{machine.load_before:.0f} on {machine.cpus} CPUs is in every figure."
    )


def _of(found: Found | None, tell: Callable[[Found], str]) -> str:
    return "" if found is None else tell(found)


def _pause(found: Found | None, share: float, *names: str) -> float | None:
    return None if found is None else quantile(found.pauses(*names), share)


def _median(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return median(there) if there else None


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
