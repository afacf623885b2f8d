"""From moves and answers to quantiles and medians. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import add
from statistics import median
from typing import Any, Final

from tests.benchmarks.conditions import Machine
from tests.benchmarks.move_batches import Measured
from tests.benchmarks.move_oracle import ACKNOWLEDGED, Verdict
from tests.benchmarks.move_results import Clients, Found, Met, Switches

REFUSED: Final = 503

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where something was measured: what `Found` says of it."""

    machine: Machine
    postgres: str
    tables: int
    bytes: int
    bytes_with_indexes: int
    neighbours: int
    batch: int = 1


def found_in(batches: Sequence[Measured], under: Conditions) -> Found:
    """What these batches come to."""
    names = dict.fromkeys(batch.case for batch in batches)
    answers = [one for batch in batches for one in batch.answers if one["kind"] != "sql"]
    rates = [batch.wal_mb_per_second for batch in batches]
    return Found(
        machine=under.machine,
        postgres=under.postgres,
        tables=under.tables,
        bytes=under.bytes,
        bytes_with_indexes=under.bytes_with_indexes,
        neighbours=under.neighbours,
        batch=under.batch,
        wal=(min(rates), max(rates)),
        switches=[one for name in names for one in _switches(name, batches)],
        clients=[_clients(name, batches) for name in names],
        met=_met([(batch, [*batch.moves, *batch.turns]) for batch in batches]),
        http_503=sum(one["status"] == REFUSED for one in answers),
        client_errors=sum(one["status"] not in (ACKNOWLEDGED, REFUSED) for one in answers),
        failed=[error for batch in batches for error in batch.failed],
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """What `share` of them do not exceed; None where there are none."""
    ordered = sorted(values)
    return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 1) if ordered else None


def _switches(name: str, batches: Sequence[Measured]) -> list[Switches]:
    """Of one case: whole moves, and switches back and forth where there were any."""
    mine = [batch for batch in batches if batch.case == name]
    turned = any(batch.turns for batch in mine)
    kinds = [(f"{name}, whole moves" if turned else name, [(one, one.moves) for one in mine])]
    if turned:
        kinds.append((f"{name}, back and forth", [(one, one.turns) for one in mine]))
    return [_one_kind(kind, made) for kind, made in kinds]


def _one_kind(name: str, made: Sequence[tuple[Measured, Sequence[Answer]]]) -> Switches:
    done = [one for _, some in made for one in some if "receipt" in one]
    steps = dict.fromkeys(step for one in done for step in one["steps_ms"])
    return Switches(
        name=name,
        pauses=[one["receipt"]["pause_ms"] for one in done],
        steps_ms={step: median(one["steps_ms"].get(step, 0.0) for one in done) for step in steps},
        whole_ms=median((one["ended"] - one["began"]) * 1000 for one in done) if done else None,
        met=_met(made),
    )


def _clients(name: str, batches: Sequence[Measured]) -> Clients:
    mine = [batch for batch in batches if batch.case == name]
    sql = [one for batch in mine for one in batch.answers if one["kind"] == "sql"]
    refused = Counter(str(one["status"]) for one in sql if one["status"] != ACKNOWLEDGED)
    return Clients(
        name=name,
        sql_refused=dict(sorted(refused.items())),
        verdict=reduce(add, (batch.verdict for batch in mine), Verdict()),
    )


def _met(made: Sequence[tuple[Measured, Sequence[Answer]]]) -> Met:
    """What was asked over HTTP and was under way while one of these was."""
    met = [
        one
        for batch, some in made
        for one in batch.answers
        if one["kind"] != "sql" and _meets(one, some)
    ]
    took = [one["took"] * 1000 for one in met]
    return Met(
        requests=len(met),
        p50=quantile(took, 0.5),
        p99=quantile(took, 0.99),
        longest=quantile(took, 1.0),
        refused=sum(one["status"] == REFUSED for one in met),
        errors=sum(one["status"] not in (ACKNOWLEDGED, REFUSED) for one in met),
    )


def _meets(one: Answer, some: Sequence[Answer]) -> bool:
    begin, end = one["asked"], one["asked"] + one["took"]
    return any(begin < move["ended"] and end >= move["began"] for move in some)
