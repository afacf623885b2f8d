"""Clients of one tenant that moves: `python -m … FILE`, the plan on stdin, until stdin ends.

Some ask over HTTP, each one thing after the other: the next one a moment after the last was due, or
at once when that was answered later. Some write by SQL as the login of the web servers does, and
know of no gate: they write where the tenant was last, and when that is refused where it may be.

A write is written down as acknowledged only after its answer, or its commit, has come.
"""

import asyncio
import gc
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from sharding.backend.prefix import prefix_for
from sharding.scope.types import Placement

_LAST_ANSWERS_SECONDS = 10.0
_AGAIN_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request or transaction.

    Attributes:
        kind: `read`, `write` (HTTP), `sql`.
        writer, number: of what was written; what was read has none.
        asked: the monotonic instant.
        took: seconds from there.
        status: of HTTP, 0 where there was none; of SQL 200, or what the error was called.
    """

    kind: str
    writer: int
    number: int
    asked: float
    took: float
    status: int | str


class Clients:
    """All clients of one run."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._over = asyncio.Event()
        self.answers: list[Answer] = []

    async def run(self) -> None:
        """Until standard input ends; then each has a moment for its last answer."""
        plan = self._plan
        running = [
            asyncio.create_task(one)
            for one in (
                *(self._ask("read", number) for number in range(plan["readers"])),
                *(self._ask("write", number) for number in range(plan["writers"])),
                *(self._write_by_sql(plan["writers"] + one) for one in range(plan["by_sql"])),
            )
        ]
        if not running:
            raise SystemExit("nobody is to ask anything")
        await asyncio.to_thread(sys.stdin.buffer.read)
        self._over.set()
        _, late = await asyncio.wait(running, timeout=_LAST_ANSWERS_SECONDS)
        for task in late:
            task.cancel()
        for task in running:
            if task not in late:
                task.result()

    async def _ask(self, kind: str, writer: int) -> None:
        loop = asyncio.get_running_loop()
        number = self._plan["from_number"]
        due = loop.time() + 0.007 * writer
        while not self._over.is_set():
            await asyncio.sleep(max(0.0, due - loop.time()))
            asked = loop.time()
            number += 1
            try:
                async with asyncio.timeout(_LAST_ANSWERS_SECONDS):
                    status = await self._http(kind, writer, number)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                status = 0
            self.answers.append(Answer(kind, writer, number, asked, loop.time() - asked, status))
            due = max(due + 1 / self._plan["per_second"], asked)

    async def _http(self, kind: str, writer: int, number: int) -> int:
        host, port = self._plan["host"], self._plan["port"]
        body = urlencode({"writer": writer, "number": number}) if kind == "write" else ""
        head = [
            f"{'POST' if body else 'GET'} /moved/{kind}/ HTTP/1.1",
            f"Host: {host}",
            "Connection: close",
        ]
        if body:
            head += [
                "Content-Type: application/x-www-form-urlencoded",
                f"Content-Length: {len(body)}",
            ]
        reader, stream = await asyncio.open_connection("127.0.0.1", port)
        try:
            stream.write("\r\n".join([*head, "", body]).encode())
            answer = await reader.read()
        finally:
            stream.close()
        return int(answer.split(maxsplit=2)[1])

    async def _write_by_sql(self, writer: int) -> None:
        loop = asyncio.get_running_loop()
        shards = self._plan["shards"]
        prefix = prefix_for(Placement(self._plan["tenant"], "any", self._plan["tenant"], 1, "g"))
        connections = [
            await psycopg.AsyncConnection.connect(**shard, autocommit=True) for shard in shards
        ]
        at, number = 0, self._plan["from_number"]
        due = loop.time()
        while not self._over.is_set():
            await asyncio.sleep(max(0.0, due - loop.time()))
            asked = loop.time()
            status: int | str = 200
            number += 1
            try:
                await _write_once(connections[at], prefix.sql, writer, number)
            except psycopg.Error as error:
                status = error.sqlstate or "?"
                await connections[at].rollback()
                await asyncio.sleep(_AGAIN_SECONDS)
                at = (at + 1) % len(connections)
            else:
                due = max(due + 1 / self._plan["per_second"], asked)
            self.answers.append(Answer("sql", writer, number, asked, loop.time() - asked, status))
        for connection in connections:
            await connection.close()


async def _write_once(
    connection: psycopg.AsyncConnection[Any], prefix: bytes, writer: int, number: int
) -> None:
    """Every second one a transaction of several messages, the others one message."""
    insert = "INSERT INTO bench_moved_entry (writer, number, said) VALUES (%d, %d, 'by SQL')"
    count = "UPDATE bench_moved_counter SET value = value + 1 WHERE writer = %d"
    touch = "UPDATE bench_fleet_record1 SET title = md5(random()::text) WHERE code = 'row %d'"
    first = insert % (writer, number)
    if number % 2:
        both = f"{first}; {count % writer}"
        await connection.execute(prefix + both.encode())
        return
    await connection.execute(b"BEGIN")
    await connection.execute(prefix + first.encode())
    await connection.execute((count % writer).encode())
    await connection.execute((touch % (1 + number % 100)).encode())
    await connection.execute(b"COMMIT")


def main() -> None:
    plan = json.loads(sys.stdin.buffer.readline())
    # A pause to collect garbage would look like a slow server.
    gc.disable()
    clients = Clients(plan)
    asyncio.run(clients.run())
    lines = (json.dumps(asdict(one)) + "\n" for one in clients.answers)
    Path(sys.argv[1]).write_text("".join(lines))


if __name__ == "__main__":
    main()
