"""How much of `make bench-move` is run: `ARGS="--only busy --moves 20 --batch 5"`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOVES: Final = 200
BATCH: Final = 10
SMALL_MB: Final = 5
LARGE_MB: Final = 100
LARGE_MOVES: Final = 4
NEIGHBOURS: Final = 50
WAL_MB_PER_SECOND: Final = 7.5


@dataclass(frozen=True, slots=True)
class Case:
    """What is moved, and under what load.

    Attributes:
        mode: how its rows get over, as `sharding.moves` calls it.
        tenant: its number, as `systems.slug` counts.
        busy: whether clients write to it; else they only read.
    """

    name: str
    mode: str
    tenant: int
    busy: bool


SMALL, LARGE = 1, 2
FIRST_NEIGHBOUR: Final = 11
IDLE: Final = Case("idle", "block", SMALL, busy=False)
BUSY: Final = Case("busy", "block", SMALL, busy=True)
COPIED: Final = Case("large", "block", LARGE, busy=False)
"""Whose copy is long enough to be measured, beside pgcopydb's."""
CASES: Final = (IDLE, BUSY)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        moves: of all cases together.
        batch: after so many moves clients stop, and the oracle is asked.
        part: whether anything was left out, so that the page in docs stays as it is.
    """

    cases: tuple[Case, ...]
    moves: int
    batch: int
    small_mb: int
    large_mb: int
    large_moves: int
    neighbours: int
    wal_mb_per_second: float
    peer: bool
    pg_bin: Path | None
    part: bool

    def batches(self) -> Iterator[tuple[Case, int]]:
        """Cases in turn, each with its number of moves: what is compared is near in time."""
        each = -(-self.moves // len(self.cases))
        for begun in range(0, each, self.batch):
            for case in self.cases:
                yield case, min(self.batch, each - begun)


def plan_of(arguments: Sequence[str]) -> Plan:
    """The plan that the arguments ask for; one that cannot be had ends the program."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="make bench-move", description=__doc__)
    parser.add_argument("--only", choices=names)
    parser.add_argument("--moves", type=_whole, default=MOVES, help="of both cases; 200")
    parser.add_argument("--batch", type=_whole, default=BATCH, help="between two looks; 10")
    parser.add_argument("--mb", type=_whole, default=SMALL_MB, help="of the tenant's rows; 5")
    parser.add_argument("--large-mb", type=_whole, default=LARGE_MB, help="of the other's; 100")
    parser.add_argument("--large-moves", type=_whole, default=LARGE_MOVES, help="of it; 4")
    parser.add_argument("--neighbours", type=_whole, default=NEIGHBOURS, help="50")
    parser.add_argument("--wal", type=float, default=WAL_MB_PER_SECOND, help="of theirs, MB/s; 7.5")
    parser.add_argument("--no-peer", action="store_true", help="leave pgcopydb out")
    parser.add_argument("--pg-bin", type=Path, help="another PostgreSQL's programs")
    asked = parser.parse_args(arguments)
    by_default = {name: parser.get_default(name) for name in vars(asked)}
    return Plan(
        cases=tuple(case for case in CASES if asked.only in (None, case.name)),
        moves=asked.moves,
        batch=asked.batch,
        small_mb=asked.mb,
        large_mb=asked.large_mb,
        large_moves=asked.large_moves,
        neighbours=asked.neighbours,
        wal_mb_per_second=asked.wal,
        peer=not asked.no_peer,
        pg_bin=asked.pg_bin,
        part=vars(asked) != by_default,
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 100_000):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no whole number from 1 on")
    return int(text)
