"""How much of `make bench-move` is run: `ARGS="--part logical --logical-moves 4 --turns 16"`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = "block"
LOGICAL: Final = "logical"
TABLES: Final = "tables"
LARGE: Final = "large"
SCHEMAS: Final = "schemas"
VERSIONS: Final = "versions"
COPY: Final = "copy"
PARTS: Final = (BLOCK, LOGICAL, COPY, TABLES, SCHEMAS, VERSIONS, LARGE)
"""In this order: what the goals speak of comes first."""

MANY_TABLES: Final = 300
_TABLES_OF_EVERY_TENANT: Final = 45
_SMALL_MB: Final = 5
_QUICK: Final = ("2", "--batch", "1", "--logical-moves", "1", "--turns", "3", "--other-moves", "1",
                 "--other-turns", "1", "--copies", "1", "--logical-mb", "20", "--large-mb", "100",
                 "--neighbours", "10", "--many-neighbours", "20")  # fmt: skip

MOVING: Final = 1
FIRST_NEIGHBOUR: Final = 11
"""Numbers of tenants, as `systems.slug` counts."""


@dataclass(frozen=True, slots=True)
class World:
    """What there is while a part is measured.

    Attributes:
        megabytes: of the rows of the tenant that moves.
        more_tables: that every tenant has beside the usual ones.
        pg_bin: PostgreSQL's programs; None: those of the product's own servers.
    """

    megabytes: int = _SMALL_MB
    neighbours: int = 50
    wal_mb_per_second: float = 7.5
    more_tables: int = 0
    pg_bin: Path | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to the tenant, and under what load.

    Attributes:
        mode: how its rows get over, as `sharding.moves` calls it.
        busy: whether clients write to it; else they only read.
    """

    name: str
    mode: str
    busy: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What is done between two looks of the oracle.

    Attributes:
        moves: one after the other, each whole.
        turns: of the last of them, which soaks until then; 0: it does not soak.
    """

    case: Case
    moves: int
    turns: int = 0


IDLE: Final = Case("idle", "block", busy=False)
BUSY: Final = Case("busy", "block", busy=True)
STREAMED: Final = Case("logical", "logical", busy=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        parts: what is measured; the rest of the page is of the run before.
        moves, batch: in block mode, both cases together; after so many the oracle is asked.
        logical: whole moves, and switches back and forth.
        others: the same for each part that looks at one thing more.
        large: the same for the large tenant.
        copies: in each mode, beside pgcopydb.
        pg_bins: programs of other versions; None: those that are found.
        quick: a hint; the page in docs stays as it is.
    """

    parts: tuple[str, ...]
    moves: int
    batch: int
    logical: tuple[int, int]
    others: tuple[int, int]
    large: tuple[int, int]
    copies: int
    megabytes: int
    large_mb: int
    neighbours: int
    many_neighbours: int
    wal_mb_per_second: float
    peer: bool
    pg_bins: tuple[Path, ...] | None
    quick: bool

    def world(self, part: str, pg_bin: Path | None = None) -> World:
        """Where that part is measured."""
        megabytes = {LOGICAL: self.megabytes, COPY: self.megabytes, LARGE: self.large_mb}
        return World(
            megabytes.get(part, _SMALL_MB),
            self.many_neighbours if part == SCHEMAS else self.neighbours,
            self.wal_mb_per_second,
            more_tables=MANY_TABLES - _TABLES_OF_EVERY_TENANT if part == TABLES else 0,
            pg_bin=pg_bin,
        )

    def batches(self, part: str, *, streams: bool = True) -> Iterator[Batch]:
        """What is done in that part, in order; without `streams` only what needs none."""
        if part == BLOCK:
            yield from in_blocks(self.moves, self.batch)
            return
        counts = {LOGICAL: self.logical, LARGE: self.large}.get(part, self.others)
        if part == VERSIONS:
            yield from in_blocks(2 * counts[0], counts[0])
        if streams:
            yield from back_and_forth(*counts)


def in_blocks(moves: int, batch: int) -> Iterator[Batch]:
    """Both cases of block mode in turn: what is compared is near in time."""
    each = -(-moves // 2)
    for begun in range(0, each, batch):
        for case in (IDLE, BUSY):
            yield Batch(case, min(batch, each - begun))


def back_and_forth(moves: int, turns: int) -> Iterator[Batch]:
    """Whole moves, each of which is turned before it is finished.

    An odd number of times, where that can be: so each begins where the neighbours write.
    """
    left = turns
    for done in range(moves):
        share = round(left / (moves - done))
        if share % 2 == 0:
            share += 1 if done % 2 else -1
        share = max(0, min(share, left))
        left -= share
        yield Batch(STREAMED, 1, share)


def plan_of(arguments: Sequence[str]) -> Plan:
    """The plan that the arguments ask for; one that cannot be had ends the program."""
    parser = argparse.ArgumentParser(prog="make bench-move", description=__doc__)
    add = parser.add_argument
    add("--part", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS))
    add("--moves", type=_whole, default=200, help="block: of both cases together; 200")
    add("--batch", type=_whole, default=10, help="block: between two looks; 10")
    add("--logical-moves", type=_whole, default=20, help="logical: whole moves; 20")
    add("--turns", type=_whole, default=80, help="logical: switches back and forth; 80")
    add("--other-moves", type=_whole, default=5, help="tables, schemas, versions; 5")
    add("--other-turns", type=_whole, default=15, help="the same; 15")
    add("--large-moves", type=_whole, default=1, help="large: whole moves; 1")
    add("--large-turns", type=_whole, default=5, help="large: switches; 5")
    add("--copies", type=_whole, default=4, help="copy: moves in each mode; 4")
    add("--logical-mb", type=_whole, default=100, help="of rows, in logical and copy; 100")
    add("--large-mb", type=_whole, default=1000, help="of rows, in large; 1000")
    add("--neighbours", type=_whole, default=50, help="50")
    add("--many-neighbours", type=_whole, default=500, help="in schemas; 500")
    add("--wal", type=float, default=7.5, help="that neighbours write, MB/s; 7.5")
    add("--no-peer", action="store_true", help="copy: leave pgcopydb out")
    add("--pg-bin", type=Path, nargs="+", help="versions: their programs; those that are found")
    add("--quick", action="store_true", help="a hint of some minutes")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked = parser.parse_args(["--moves", *_QUICK, *arguments])
    return Plan(
        parts=tuple(part for part in PARTS if part in asked.part),
        moves=asked.moves,
        batch=asked.batch,
        logical=(asked.logical_moves, asked.turns),
        others=(asked.other_moves, asked.other_turns),
        large=(asked.large_moves, asked.large_turns),
        copies=asked.copies,
        megabytes=asked.logical_mb,
        large_mb=asked.large_mb,
        neighbours=asked.neighbours,
        many_neighbours=asked.many_neighbours,
        wal_mb_per_second=asked.wal,
        peer=not asked.no_peer,
        pg_bins=tuple(asked.pg_bin) if asked.pg_bin else None,
        quick=asked.quick,
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 100_000):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no whole number from 1 on")
    return int(text)
