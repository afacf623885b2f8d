"""What `make bench-move` has found, by part: of this run, and of earlier ones."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from tests.benchmarks.conditions import Machine
from tests.benchmarks.move_oracle import Verdict
from tests.benchmarks.pages import ROOT

FILE: Final = ROOT / ".bench" / "move.json"


@dataclass(frozen=True, slots=True)
class Met:
    """What clients met over HTTP while something was under way; milliseconds."""

    requests: int
    p50: float | None
    p99: float | None
    longest: float | None
    refused: int
    errors: int


@dataclass(frozen=True, slots=True)
class Switches:
    """Switches of one kind.

    Attributes:
        pauses: in milliseconds by step, `total` the whole; one for each.
        steps_ms: medians by step of the journal.
        whole_ms: the median.
    """

    name: str
    pauses: list[dict[str, float]]
    steps_ms: dict[str, float]
    whole_ms: float | None
    met: Met


@dataclass(frozen=True, slots=True)
class Clients:
    """All clients of one case: what was refused to those of SQL, by SQLSTATE."""

    name: str
    sql_refused: dict[str, int]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Found:
    """One part.

    Attributes:
        tables, bytes, bytes_with_indexes: of the tenant that moves.
        wal: megabytes in a second of the neighbours' server, the least and the most.
        met: during whatever was measured.
        http_503, client_errors: at any time.
        failed: what did not come to its end, in words.
        batch: moves between two looks of the oracle.
    """

    machine: Machine
    postgres: str
    tables: int
    bytes: int
    bytes_with_indexes: int
    neighbours: int
    wal: tuple[float, float]
    switches: list[Switches]
    clients: list[Clients]
    met: Met
    http_503: int
    client_errors: int
    failed: list[str]
    batch: int = 1

    @property
    def verdict(self) -> Verdict:
        """What the oracle found in all of it."""
        return sum((one.verdict for one in self.clients), Verdict())

    def pauses(self, *names: str) -> list[float]:
        """Milliseconds, of all switches of these names; of all where none is named."""
        return [
            pause["total"]
            for one in self.switches
            if not names or one.name in names
            for pause in one.pauses
        ]


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds that one mode took.

    Attributes:
        whole_s: making the tables and copying all rows into them, with indexes and statistics.
        copy_s: the rows alone.
        compare_s: comparing both copies.
    """

    whole_s: list[float]
    copy_s: list[float]
    compare_s: list[float]


@dataclass(frozen=True, slots=True)
class Copies:
    """How fast rows get over, and are compared.

    Attributes:
        bytes: of the tenant's rows.
        by_mode: ours.
        peer_s: what pgcopydb took from nothing to the same; empty: it was not there.
    """

    machine: Machine
    bytes: int
    by_mode: dict[str, Rates]
    peer_s: list[float]
    peer_version: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """All parts that were ever measured; versions by their number."""

    parts: Mapping[str, Found] = field(default_factory=dict)
    versions: Mapping[str, Found] = field(default_factory=dict)
    copies: Copies | None = None

    @property
    def verdicts(self) -> list[Verdict]:
        """What the oracle found in each."""
        return [found.verdict for found in (*self.parts.values(), *self.versions.values())]

    def with_part(self, name: str, found: Found) -> "Results":
        """The same with this in its place."""
        return replace(self, parts={**self.parts, name: found})

    def with_version(self, found: Found) -> "Results":
        """The same with this major version in its place."""
        major = found.postgres.split(".")[0]
        return replace(self, versions={**self.versions, major: found})

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def read_last() -> Results:
    """What earlier runs wrote; nothing where there was none."""
    raw = json.loads(FILE.read_text()).get("found") if FILE.exists() else None
    return Results() if raw is None else of_json(raw)


def of_json(raw: Mapping[str, Any]) -> Results:
    """Read what `to_json` has written."""
    return Results(
        parts={name: _found(one) for name, one in raw["parts"].items()},
        versions={name: _found(one) for name, one in raw["versions"].items()},
        copies=_copies(raw["copies"]) if raw["copies"] else None,
    )


def _found(raw: Mapping[str, Any]) -> Found:
    return Found(
        **{
            **raw,
            "machine": Machine(**raw["machine"]),
            "wal": tuple(raw["wal"]),
            "switches": [Switches(**{**one, "met": Met(**one["met"])}) for one in raw["switches"]],
            "clients": [
                Clients(**{**one, "verdict": Verdict(**one["verdict"])}) for one in raw["clients"]
            ],
            "met": Met(**raw["met"]),
        }
    )


def _copies(raw: Mapping[str, Any]) -> Copies:
    by_mode = {mode: Rates(**rates) for mode, rates in raw["by_mode"].items()}
    return Copies(**{**raw, "machine": Machine(**raw["machine"]), "by_mode": by_mode})
