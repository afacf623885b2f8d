"""A fleet as it was recorded: what each tenant cost on each day, from a CSV file."""

import csv
from collections.abc import Iterable
from typing import Final

from sharding.rebalance.core.types import ShardCapacity
from sharding.rebalance.simulation.fleet import WEEK_HOURS, Rhythm, Tenants

COLUMNS: Final = ("day", "tenant", "shard", "bytes", "load")


class RecordingError(ValueError):
    """A recording cannot be read; the message has the line and what is wrong with it."""


class RecordedFleet:
    """Tenants with the sizes and loads that were recorded.

    Each begins on the shard of its first row. A day on which a tenant has no row: it is as on the
    day before. Capacities are not recorded: all shards bear the same.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        rows = _rows(lines)
        self.days = max(rows) + 1
        self.rhythms: tuple[Rhythm, ...] = ((1.0,) * WEEK_HOURS,)
        self.tenants = Tenants()
        self._rows = rows
        self._index: dict[str, int] = {}
        names = sorted({shard for day in rows.values() for _, shard, _, _ in day})
        self._shards = tuple(ShardCapacity(name) for name in names)

    def shards(self, day: int) -> tuple[ShardCapacity, ...]:
        return self._shards

    def advance(self, day: int) -> None:
        tenants = self.tenants
        for tenant, shard, size, load in self._rows.get(day, ()):
            at = self._index.get(tenant)
            if at is None:
                self._index[tenant] = len(tenants.ids)
                tenants.ids.append(tenant)
                tenants.bytes.append(size)
                tenants.levels.append(load)
                tenants.rhythms.append(0)
                tenants.homes.append(shard)
                tenants.born.append(day)
            else:
                tenants.bytes[at], tenants.levels[at] = size, load


_Row = tuple[str, str, int, float]


def _rows(lines: Iterable[str]) -> dict[int, list[_Row]]:
    reader = csv.DictReader(lines)
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise RecordingError(
            f"It has no column {', '.join(missing)}. The first line is: {','.join(COLUMNS)}"
        )
    found: dict[int, list[_Row]] = {}
    for row in reader:
        try:
            day, size, load = int(row["day"]), int(row["bytes"]), float(row["load"])
        except (TypeError, ValueError) as error:
            raise RecordingError(f"Line {reader.line_num}: {error}") from error
        if day < 0 or size < 0 or not 0 <= load < float("inf"):
            raise RecordingError(f"Line {reader.line_num}: no number may be below 0.")
        if not (row["tenant"] and row["shard"]):
            raise RecordingError(f"Line {reader.line_num}: it names no tenant or no shard.")
        found.setdefault(day, []).append((row["tenant"], row["shard"], size, load))
    if not found:
        raise RecordingError("There is no day in it.")
    return found
