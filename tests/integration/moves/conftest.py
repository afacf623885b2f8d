"""Tenants that move, writers that ignore where they are, and what must be true afterwards."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding import scope
from sharding.backend.prefix import prefix_for
from sharding.moves import ports
from sharding.moves.core.states import ENDS
from sharding.moves.core.steps import Mode
from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move, MoveDebt
from sharding.moves.services import acting, draining, ending, pausing, preparing, streaming
from sharding.moves.services.moving import move_tenant
from sharding.moves.types import MoveRequest
from sharding.placements.models import Placement
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Guard, Phase
from tenants.directory.lookup import directory
from tenants.outbox.topics import forget_topic, register_topic
from tests.fixtures.servers import need_streams
from tests.fixtures.shards import web
from tests.integration.archives.conftest import TOPIC, Made, enrich, make, take_back

SHARDS = ("alpha", "beta")
_numbers = itertools.count(1)

LEDGER = """
    CREATE TABLE ledger (
        id bigserial PRIMARY KEY, writer integer NOT NULL, number integer NOT NULL,
        said text NOT NULL DEFAULT repeat('x', 100)
    )
"""


@dataclass(frozen=True)
class Mover(Made):
    """A tenant of these tests."""

    @property
    def shard(self) -> str:
        return get_placement(self.id).shard_id

    @property
    def elsewhere(self) -> str:
        return next(shard for shard in SHARDS if shard != self.shard)

    def request(self, *, mode: Mode | None = Mode.BLOCK, **more) -> MoveRequest:
        if mode is Mode.LOGICAL:
            need_streams()
        # A machine that is busy with other things is no reason to try again.
        told = {"max_pause": timedelta(seconds=30), "between": timedelta(milliseconds=50), **more}
        return MoveRequest(self.id, self.elsewhere, mode=mode, **told)


def nobody_drains(message) -> None:
    raise AssertionError("nobody drains these outboxes")


@pytest.fixture(scope="package")
def new_tenant(stack_ready) -> Iterator[object]:
    made: list[Mover] = []
    register_topic(TOPIC, nobody_drains)

    def new(*, rich: bool = False, ledger: bool = False) -> Mover:
        tenant = Mover(make(f"mover-{next(_numbers)}", "alpha").slug)
        made.append(tenant)
        if rich:
            enrich(tenant)
        if ledger:
            add_table(tenant, LEDGER)
        return tenant

    yield new
    forget_topic(TOPIC)
    for tenant in made:
        tenant_id = tenant.id
        Placement.objects.using("control").filter(tenant_id=tenant_id).update(
            lease_holder="", lease_until=None
        )
        take_back(tenant.slug)
        Move.objects.using("control").filter(tenant_id=tenant_id).delete()
        for shard in SHARDS:
            with own_connection(registry.shard(shard)) as own:
                own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", (tenant_id,))


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    directory.cache_clear()
    yield
    assert scope.current() is None, "a test left its scope open"
    directory.cache_clear()


@pytest.fixture
def refused(tenant):
    """Asks for a move that is refused; its codes."""

    def ask(to="beta"):
        before = get_placement(tenant.id)
        with pytest.raises(MoveRefused) as caught:
            move_tenant(MoveRequest(tenant.id, to))
        after = get_placement(tenant.id)
        assert (after.shard_id, after.state, after.epoch) == (
            before.shard_id,
            before.state,
            before.epoch,
        )
        assert not Move.objects.using("control").filter(tenant_id=tenant.id).exists()
        assert "Nothing was changed" in str(caught.value)
        for refusal in caught.value.refusals:
            assert refusal.code.startswith("moves.")
            assert refusal.reason.endswith(".")
            assert refusal.remedy.endswith(".")
        return [refusal.code for refusal in caught.value.refusals]

    return ask


@pytest.fixture
def gate(monkeypatch):
    """Puts a gate in the place of the application's."""

    def put(made):
        monkeypatch.setattr(ports, "gate", made)
        return made

    return put


@pytest.fixture
def at(monkeypatch):
    """Has something happen at a point of the next move, in this process; at each point once."""
    happens: dict[str, Callable[[], object]] = {}

    def reached(name: str) -> None:
        if (what := happens.pop(name, None)) is not None:
            what()

    for module in (acting, draining, ending, pausing, preparing, streaming):
        monkeypatch.setattr(module, "reach", reached)
    yield happens.__setitem__
    assert not happens, f"no move came to {', '.join(happens)}"


def add_table(tenant: Mover, statement: str) -> None:
    """As a migration would, but for the journal of migrations: its structure is nobody else's."""
    place = tenant.place
    with own_connection(registry.shard(place.shard)) as own, own.transaction():
        path = sql.SQL("SET LOCAL search_path TO {}, reference, extensions")
        own.execute(path.format(sql.Identifier(place.schema)))
        own.execute(statement)
        furnish(own.execute, place.schema)


def as_tenant(connection: psycopg.Connection, tenant_id: str, shard: str, statement: str):
    """Run one statement as requests do; its rows."""
    place = scope.Placement(tenant_id, shard, tenant_id, 1, "g")
    cursor = connection.execute(prefix_for(place).sql + statement.encode())
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else cursor.rowcount


def may_write(tenant_id: str, shard: str) -> bool:
    """Whether this shard accepts a write of the tenant now."""
    with connect_as_web(shard) as connection:
        try:
            as_tenant(connection, tenant_id, shard, "DELETE FROM django_session WHERE false")
        except psycopg.Error:
            return False
    return True


def connect_as_web(shard: str) -> psycopg.Connection:
    return psycopg.connect(**web(registry.shard(shard)), autocommit=True)


Write = Callable[[psycopg.Connection, str, str, int, int], object]
"""Connection, tenant, shard, writer, number: one acknowledged write, or an error."""


def by_message(
    connection: psycopg.Connection, tenant_id: str, shard: str, writer: int, number: int
) -> None:
    """As most requests do."""
    statement = f"INSERT INTO ledger (writer, number) VALUES ({writer}, {number})"
    as_tenant(connection, tenant_id, shard, statement)


def write(tenant: Mover, shard: str, *numbers: int) -> None:
    """Rows of one writer that were acknowledged there."""
    with connect_as_web(shard) as client:
        for number in numbers:
            by_message(client, tenant.id, shard, 1, number)


@dataclass
class Writers:
    """Clients that write to both shards all the time, wherever the tenant is.

    A client notes a write only after its commit was acknowledged; so each noted one must be there
    exactly once at the end.
    """

    tenant_id: str
    threads: int = 3
    kinds: tuple[Write, ...] = (by_message,)
    connect: Callable[[str], psycopg.Connection] = connect_as_web
    acked: set[tuple[int, int]] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Writers":
        lock = threading.Lock()
        for number in range(self.threads):
            thread = threading.Thread(target=self._write, args=(number, lock), daemon=True)
            self._running.append(thread)
            thread.start()
        ends = time.monotonic() + 20
        while len(self.acked) < 5 * self.threads:
            assert time.monotonic() < ends, f"nobody could write: {self.refused}"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over.is_set():
            self.stop()

    def stop(self) -> None:
        """No writes any more; somebody must have been able to until now."""
        before = len(self.acked)
        ends = time.monotonic() + 20
        while len(self.acked) < before + 5:
            assert time.monotonic() < ends, f"nobody can write any more: {self.refused}"
            time.sleep(0.01)
        self._over.set()
        for thread in self._running:
            thread.join()

    def _write(self, writer: int, lock: threading.Lock) -> None:
        connections = {shard: self.connect(shard) for shard in SHARDS}
        write = self.kinds[writer % len(self.kinds)]
        number = 0
        while not self._over.is_set():
            for shard, connection in connections.items():
                number += 1
                try:
                    write(connection, self.tenant_id, shard, writer, number)
                except psycopg.Error as error:
                    connection.rollback()
                    with lock:
                        state = error.sqlstate or "?"
                        self.refused[state] = self.refused.get(state, 0) + 1
                else:
                    with lock:
                        self.acked.add((writer, number))
            time.sleep(0.002)
        for connection in connections.values():
            connection.close()


def written(tenant: Mover) -> list[tuple[int, int]]:
    """What is in the ledger, sorted."""
    place = tenant.place
    with own_connection(registry.shard(place.shard)) as own:
        asked = sql.SQL("SELECT writer, number FROM {} ORDER BY 1, 2")
        return own.execute(asked.format(sql.Identifier(place.schema, "ledger"))).fetchall()


def settled(tenant: Mover, *, on: str) -> None:
    """The tenant lives there and only there, and nothing of any move is left."""
    placement = get_placement(tenant.id)
    assert (placement.shard_id, placement.state) == (on, "ready")
    assert placement.lease_holder == ""
    other = next(shard for shard in SHARDS if shard != on)
    here = describe(registry.shard(on), tenant.id)
    assert here.lacks == ()
    assert here.marker is not None
    assert here.marker.phase is Phase.ACTIVE
    assert placement.arrived_epoch <= here.marker.epoch <= placement.epoch
    assert {table.guard for table in here.tables} == {Guard.DISARMED}
    assert not describe(registry.shard(other), tenant.id).exists
    with own_connection(registry.shard(other)) as own:
        marker = read_marker(own, tenant.id)
        assert marker is None or marker.phase is Phase.TOMBSTONE
    assert may_write(tenant.id, on)
    assert not may_write(tenant.id, other)
    moves = Move.objects.using("control").filter(tenant_id=tenant.id)
    assert not moves.exclude(state__in=sorted(ENDS)).exists()
    assert not MoveDebt.objects.using("control").filter(move__in=moves, settled_at=None).exists()
    for shard in SHARDS:
        assert sessions(tenant.id, shard) == []
        assert streams_of(tenant.id, shard) == []


STREAMS = """
    SELECT 'slot ' || slot_name FROM pg_replication_slots
    WHERE database = current_database() AND starts_with(slot_name, %(prefix)s)
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication
    WHERE starts_with(pubname, %(prefix)s)
    UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
    WHERE starts_with(subname, %(prefix)s)
      AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT 'right of the mover' FROM pg_namespace, aclexplode(nspacl)
    WHERE starts_with(%(prefix)s, 'mv_' || nspname || '_') AND grantee = %(mover)s::regrole
    UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin
    WHERE roname NOT IN (SELECT 'pg_' || oid FROM pg_subscription) AND roname ~ '^pg_[0-9]+$'
    ORDER BY 1
"""


def streams_of(tenant_id: str, shard: str) -> list[str]:
    """What there is on a shard of the streams of this tenant's moves."""
    server = registry.shard(shard)
    facts = {"prefix": f"mv_{tenant_id}_", "mover": server.mover.user}
    with own_connection(server) as own:
        return [name for (name,) in own.execute(STREAMS, facts)]


def sessions(tenant_id: str, shard: str) -> list[str]:
    """Movers' sessions of this tenant; an ended one needs a moment to be gone."""
    asked = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE %s"
    ends = time.monotonic() + 15
    while True:
        with own_connection(registry.shard(shard)) as own:
            found = [name for (name,) in own.execute(asked, (f"mv:{tenant_id}:%",))]
        if not found or time.monotonic() > ends:
            return found
        time.sleep(0.05)
