"""Many threads, few server connections, many tenants, and everything that can go wrong."""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, connections, transaction
from django.db.utils import DatabaseError, InterfaceError

from sharding import scope
from tests.integration.backend.models import Author

TABLE = "backend_tests_author"


class Undo(Exception):
    """Ends a block on purpose."""


@dataclass
class Weather:
    """What a storm did and saw."""

    done: Counter[str] = field(default_factory=Counter)
    statements: int = 0
    crossed: list[tuple[str, object]] = field(default_factory=list)
    unexpected: list[BaseException] = field(default_factory=list)
    committed: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """One thread of a storm."""

    def __init__(self, number: int, tenants: list[scope.Placement], weather: Weather) -> None:
        self.random = random.Random(number)
        self.number = number
        self.tenants = tenants
        self.weather = weather
        self.serial = 0
        self.mine: Counter[tuple[str, str]] = Counter()
        self.done: Counter[str] = Counter()
        self.statements = 0
        self.work: list[tuple[int, Callable[[scope.Placement], None]]] = [
            (40, self.read),
            (14, self.insert),
            (8, self.insert_in_block),
            (6, self.roll_back),
            (8, self.roll_back_to_savepoint),
            (5, self.executemany),
            (4, self.copy_in),
            (4, self.copy_out),
            (4, self.fail),
            (3, self.time_out),
            (3, self.disconnect),
            (3, self.orm),
        ]

    def run(self, operations: int) -> None:
        weights = [weight for weight, _ in self.work]
        for _ in range(operations):
            place = self.random.choice(self.tenants)
            work = self.random.choices(self.work, weights)[0][1]
            try:
                with scope.enter(place), connection.execute_wrapper(self._count):
                    work(place)
            except Exception as error:  # noqa: BLE001 - the test shows what nobody expected
                self.weather.unexpected.append(error)
                connections["alpha"].close()
            self.done[work.__name__] += 1
        connections["alpha"].close()
        with self.weather.lock:
            self.weather.done += self.done
            self.weather.statements += self.statements
            self.weather.committed += self.mine

    def _count(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)

    def _row(self, place: scope.Placement) -> str:
        self.serial += 1
        return f"{place.tenant_id}:{self.number}:{self.serial}"

    def _see(self, place: scope.Placement, seen: set[object], wanted: object) -> None:
        if seen - {wanted}:
            self.weather.crossed.append((place.tenant_id, seen))

    def read(self, place: scope.Placement) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT current_user, split_part(name, ':', 1) FROM {TABLE} LIMIT 50")
            rows = cursor.fetchall()
            cursor.execute("SELECT current_schema, current_user")
            self._see(place, set(cursor.fetchall()), (place.schema, place.role))
        self._see(place, set(rows), (place.role, place.tenant_id))

    def insert(self, place: scope.Placement, *, keep: bool = True) -> None:
        row = self._row(place)
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {TABLE} (name) VALUES (%s) RETURNING current_user", [row])
            self._see(place, set(cursor.fetchall()), (place.role,))
        if keep:
            self.mine[place.tenant_id, row] += 1

    def insert_in_block(self, place: scope.Placement) -> None:
        rows = [self._row(place), self._row(place)]
        with transaction.atomic(), connection.cursor() as cursor:
            for row in rows:
                cursor.execute(f"INSERT INTO {TABLE} (name) VALUES (%s)", [row])
            self.read(place)
        self.mine.update((place.tenant_id, row) for row in rows)

    def roll_back(self, place: scope.Placement) -> None:
        try:
            with transaction.atomic():
                self.insert(place, keep=False)
                raise Undo
        except Undo:
            pass

    def roll_back_to_savepoint(self, place: scope.Placement) -> None:
        with transaction.atomic():
            self.insert(place, keep=False)
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    self.insert(place, keep=False)
                    cursor.execute("SELECT 1/0")
            except DatabaseError:
                pass
            self.read(place)
            row = self._row(place)
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO {TABLE} (name) VALUES (%s)", [row])
            first = f"{place.tenant_id}:{self.number}:{self.serial - 2}"
        self.mine.update([(place.tenant_id, first), (place.tenant_id, row)])

    def executemany(self, place: scope.Placement) -> None:
        rows = [self._row(place) for _ in range(3)]
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {TABLE} (name) VALUES (%s)", [(row,) for row in rows])
        self.mine.update((place.tenant_id, row) for row in rows)

    def copy_in(self, place: scope.Placement) -> None:
        rows = [self._row(place) for _ in range(3)]
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {TABLE} (name) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row([row])
        self.statements += 1
        self.mine.update((place.tenant_id, row) for row in rows)

    def copy_out(self, place: scope.Placement) -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY (SELECT name FROM {TABLE} LIMIT 50) TO STDOUT") as copy,
        ):
            seen: set[object] = {bytes(data).decode().split(":")[0] for data in copy}
        self.statements += 1
        self._see(place, seen, place.tenant_id)

    def fail(self, place: scope.Placement) -> None:
        for block in (False, True):
            try:
                if block:
                    with transaction.atomic():
                        self.insert(place, keep=False)
                        connection.cursor().execute("SELECT * FROM nowhere")
                else:
                    connection.cursor().execute("SELECT 1/0")
            except DatabaseError:
                continue
            raise AssertionError("no error")

    def time_out(self, place: scope.Placement) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                self.insert(place, keep=False)
                cursor.execute("SET LOCAL statement_timeout = 5")
                cursor.execute("SELECT pg_sleep(0.5)")
        except DatabaseError:
            return
        raise AssertionError("no time-out")

    def disconnect(self, place: scope.Placement) -> None:
        try:
            with transaction.atomic():
                self.insert(place, keep=False)
                line = socket.socket(fileno=connection.connection.fileno())
                line.shutdown(socket.SHUT_RDWR)
                line.detach()
                self.insert(place, keep=False)
        except (DatabaseError, InterfaceError):
            connections["alpha"].close()
            return
        raise AssertionError("no error after the socket was shut")

    def orm(self, place: scope.Placement) -> None:
        author = Author.objects.create(name=self._row(place))
        self.mine[place.tenant_id, author.name] += 1
        seen = {other.name.split(":")[0] for other in Author.objects.order_by("-id")[:5]}
        self._see(place, seen, place.tenant_id)


def storm(tenants: list[scope.Placement], *, clients: int, operations: int) -> Weather:
    """Let `clients` threads work at once."""
    weather = Weather()
    threads = [
        threading.Thread(target=Client(number, tenants, weather).run, args=(operations,))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return weather


def unbound_reads(tenants: list[scope.Placement], *, clients: int, operations: int) -> Counter[str]:
    """What django-tenants does: SET first, then the statement.

    Returns how many reads were right, crossed (they answered as another tenant) or failed with an
    error, which shows nothing about whose rows they would have given.
    """
    seen: Counter[str] = Counter()

    def work(number: int) -> None:
        chance = random.Random(number)
        wrapper: Any = connections["alpha"]
        mine: Counter[str] = Counter()
        with wrapper.bare(), wrapper.cursor() as cursor:
            for _ in range(operations):
                place = chance.choice(tenants)
                cursor.execute(f"SET ROLE {place.role}; SET search_path TO {place.schema}")
                try:
                    cursor.execute(
                        f"SELECT current_user, split_part(name, ':', 1) FROM {TABLE} LIMIT 1"
                    )
                    ((role, owner),) = cursor.fetchall()
                except DatabaseError:
                    mine["failed"] += 1
                    continue
                right = (role, owner) == (place.role, place.tenant_id)
                mine["right" if right else "crossed"] += 1
        wrapper.close()
        seen.update(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen
