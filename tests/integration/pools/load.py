"""Writers who keep at it, and remember what they were told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import DatabaseError, connection, connections, transaction
from psycopg import sql

from sharding import scope
from sharding.registry import current
from sharding.schemas.connections import own_connection
from sharding.schemas.services.furnish import furnish
from sharding.scope import Placement

INSERT = "INSERT INTO note (name) VALUES (%s) RETURNING current_user"


@dataclass
class Load:
    """What was written, by whom, and when it went wrong.

    Attributes:
        kept: rows of which a client was told that they are there.
        unknown: rows of which it was told nothing.
        failed: when a client was refused.
    """

    places: tuple[Placement, ...]
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    failed: list[tuple[float, DatabaseError]] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    last_kept: dict[int, float] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, number: int) -> None:
        """Write for every tenant in turn until the end."""
        serial = 0
        while not self._ended.is_set():
            serial += 1
            place = self.places[(number + serial) % len(self.places)]
            row = (place.schema, f"{number}-{serial}")
            try:
                who = self._write(place, row[1], in_block=serial % 3 == 0)
            except DatabaseError as error:
                with self._lock:
                    self.unknown.add(row)
                    self.failed.append((time.monotonic(), error))
                connections["alpha"].close()
                time.sleep(0.05)
            else:
                with self._lock:
                    self.kept[row] += 1
                    self.last_kept[number] = time.monotonic()
                if who != place.role:
                    self.crossed.append(f"{place.role} wrote as {who}")
        connections.close_all()

    def _write(self, place: Placement, name: str, *, in_block: bool) -> str:
        with scope.enter(place):
            if in_block:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(INSERT, [name])
                    (who,) = cursor.fetchone()
                    cursor.execute("SELECT count(*) FROM note")
            else:
                with connection.cursor() as cursor:
                    cursor.execute(INSERT, [name])
                    (who,) = cursor.fetchone()
        return str(who)

    def soon(self, seconds: float = 30) -> float:
        """Wait until every client has written from now on, and return how long it took."""
        began = time.monotonic()
        while (slowest := min(self.last_kept.values(), default=0.0)) < began:
            assert time.monotonic() - began < seconds, self.failed[-3:]
            time.sleep(0.01)
        return slowest - began

    def end(self) -> None:
        self._ended.set()

    def rows(self) -> Counter[tuple[str, str]]:
        """What is there."""
        found: Counter[tuple[str, str]] = Counter()
        with own_connection(current.shard("alpha")) as owner:
            for place in self.places:
                ask = sql.SQL("SELECT name FROM {}").format(sql.Identifier(place.schema, "note"))
                found.update((place.schema, name) for (name,) in owner.execute(ask))
        return found


@contextmanager
def under_load(places: tuple[Placement, ...], *, clients: int) -> Iterator[Load]:
    """Writers who are at it within the block; what they were told is compared with what is there.

    After it nothing that was acknowledged is lost, and nothing is there twice or with another
    tenant.
    """
    for place in places:
        _make_table(place)
    load = Load(places, last_kept=dict.fromkeys(range(clients), 0.0))
    threads = [threading.Thread(target=load.client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        load.soon()
        yield load
    finally:
        load.end()
        for thread in threads:
            thread.join(30)
    there = load.rows()
    assert load.crossed == []
    assert set(there.values()) <= {1}
    assert load.kept.keys() - there.keys() == set(), "acknowledged and lost"
    assert there.keys() - load.kept.keys() <= load.unknown


def _make_table(place: Placement) -> None:
    with own_connection(current.shard(place.shard)) as owner, owner.transaction():
        path = sql.SQL("SET LOCAL search_path TO {}, reference, extensions")
        owner.execute(path.format(sql.Identifier(place.schema)))
        owner.execute("CREATE TABLE note (name text NOT NULL)")
        furnish(owner.execute, place.schema)
