"""Clients that write to both shards all the time, whatever becomes of the servers."""

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from sharding.registry import current as registry
from tests.fixtures.shards import web
from tests.integration.moves.conftest import SHARDS, as_tenant

_GRACE_S = 60


@dataclass
class Clients:
    """Each notes a write only after its commit was acknowledged.

    Attributes:
        acked: on which shard each write was taken.
        unknown: writes whose answer never came; they may be there or not.
    """

    tenant_id: str
    threads: int = 2
    acked: dict[tuple[int, int], str] = field(default_factory=dict)
    unknown: set[tuple[int, int]] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    twice: list[tuple[int, int]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _rest: threading.Event = field(default_factory=threading.Event)
    _resting: set[int] = field(default_factory=set)
    _running: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Clients":
        for number in range(self.threads):
            thread = threading.Thread(target=self._write, args=(number,), daemon=True)
            self._running.append(thread)
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.wait_for_more()
        self._over.set()
        self._rest.clear()
        for thread in self._running:
            thread.join()

    def wait_for_more(self) -> None:
        """Until some more writes were acknowledged."""
        before, ends = len(self.acked), time.monotonic() + _GRACE_S
        while len(self.acked) < before + 5:
            assert time.monotonic() < ends, f"nobody can write: {self.refused}"
            time.sleep(0.01)

    @contextmanager
    def resting(self):
        """Nobody writes within the block."""
        self._rest.set()
        ends = time.monotonic() + _GRACE_S
        while len(self._resting) < self.threads:
            assert time.monotonic() < ends, "somebody still writes"
            time.sleep(0.005)
        yield
        self._rest.clear()

    def _write(self, writer: int) -> None:
        connections: dict[str, psycopg.Connection] = {}
        number = 0
        while not self._over.is_set():
            if self._rest.is_set():
                self._resting.add(writer)
                time.sleep(0.005)
                continue
            self._resting.discard(writer)
            number += 1
            for shard in SHARDS:
                self._try(connections, shard, writer, number)
            time.sleep(0.004)
        for connection in connections.values():
            connection.close()

    def _try(
        self, connections: dict[str, psycopg.Connection], shard: str, writer: int, number: int
    ) -> None:
        # The same number to both: whoever takes it twice has two writers.
        statement = f"INSERT INTO ledger (writer, number) VALUES ({writer}, {number})"
        sent = False
        try:
            if shard not in connections:
                connections[shard] = psycopg.connect(
                    **web(registry.shard(shard)), autocommit=True, connect_timeout=2
                )
            sent = True
            as_tenant(connections[shard], self.tenant_id, shard, statement)
        except psycopg.Error as error:
            with self._lock:
                self.refused[error.sqlstate or "no answer"] += 1
                if sent and shard in connections and connections[shard].broken:
                    self.unknown.add((writer, number))
            if shard in connections and connections[shard].closed:
                del connections[shard]
        else:
            with self._lock:
                if (writer, number) in self.acked:
                    self.twice.append((writer, number))
                self.acked[(writer, number)] = shard

    def check(self, found: list[tuple[int, int]], *, lost_by_fail_over: int = 0) -> None:
        """Every acknowledged write is there once, and nothing that nobody has written."""
        assert self.twice == [], "two shards took one write"
        there = Counter(found)
        assert [write for write, times in there.items() if times > 1] == []
        missing = self.acked.keys() - there.keys()
        assert len(missing) <= lost_by_fail_over, sorted(missing)
        assert there.keys() - self.acked.keys() <= self.unknown
