"""What the runbooks of Part 4 say is typed, and what they say that it prints, is so."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.models import User
from devstack.postgres_server import SUPERUSER
from sharding import scope
from sharding.placements.models import Shard
from sharding.registry.toml_file import read_registry, write_registry
from sharding.registry.types import Registry
from tests.faults.proxy import TcpProxy
from tests.fixtures.pages import GAP, Kind, missing, steps_of
from tests.fixtures.pgbouncer import WithOurFiles, behind
from tests.fixtures.standbys import streaming_standby
from tests.fixtures.waiting import wait_for
from tests.scenarios.runbooks.conftest import World, world_of
from workspace.models import Ticket

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
REDIS = "redis"
USED = "SELECT registry_version FROM placements_process"
GOES_ON = "Control does not answer, the directory goes by memory"


def test_a_shard_is_down(world: World):
    page = world.walk("shard-down", "beta")
    world.stack.sigstop("beta")
    try:
        refusal = world.until_refused("coral")
        assert refusal.headers["Retry-After"] == "2"
        assert "Back in a moment" in refusal.text
        assert world.is_served("acme")
        world.until_listed("beta", breakers="open")
        page.do("Check", "manage.py list_shards")
        page.do("Check", "curl")
        assert "no response" in page.do("Check", "pg_isready", ends=2)
        with world.undone_by("manage.py release_shard beta"):
            page.do("Act", "manage.py hold_shard")
            page.do("Act", "manage.py release_shard")
        page.do("What waited, what is lost", "manage.py all_tenants_command", ends=1)
        page.do("What waited, what is lost", "manage.py migrate_fleet", ends=3)
    finally:
        world.stack.sigcont("beta")
    world.until_served("coral")
    world.until_listed("beta", breakers="closed")
    page.do("Verify", "manage.py list_shards")
    page.is_at_its_end()


class Busy:
    """People of beta who do too much there: one in heavy statements, one forgot to commit."""

    def __init__(self, world: World) -> None:
        self.over = threading.Event()
        self.holds = threading.Event()
        self.coral, self.dune = world.places["coral"], world.places["dune"]
        work = (self._heavy, self._heavy, self._heavy, self._forgets, self._waits)
        self.threads = [threading.Thread(target=each) for each in work]

    def __enter__(self) -> None:
        for place in (self.coral, self.dune):
            with scope.enter(place):
                person = User.objects.create(email="somebody@example.com")
                Ticket.objects.create(title="one", opened_by=person)
        connections.close_all()
        for thread in self.threads:
            thread.start()
        if not self.holds.wait(30):
            self.__exit__()
            raise AssertionError("nobody has forgotten to commit")

    def __exit__(self, *error: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def _heavy(self) -> None:
        self._again(
            self.coral,
            "select count(*) from workspace_ticket, workspace_ticket b, pg_sleep(9)",
        )

    def _waits(self) -> None:
        self.holds.wait(30)
        self._again(self.dune, "update workspace_ticket set id = id")

    def _forgets(self) -> None:
        try:
            with scope.enter(self.dune), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("select * from workspace_ticket for update")
                self.holds.set()
                self.over.wait(120)
        except DatabaseError:
            pass  # somebody has ended it
        connections.close_all()

    def _again(self, place: scope.Placement, statement: str) -> None:
        while not self.over.is_set():
            try:
                with scope.enter(place), connection.cursor() as cursor:
                    cursor.execute(statement)
            except DatabaseError:
                connections.close_all()
                self.over.wait(0.2)
        connections.close_all()


IDLE = "SELECT pid FROM pg_stat_activity WHERE usename = 'web' AND state = 'idle in transaction'"
WAITS = "SELECT wait_event_type, pid FROM pg_stat_activity WHERE usename = 'web'"


def test_a_shard_is_slow(world: World):
    page = world.walk("shard-slow", "beta")
    with world.undone_by("manage.py resume_tenant coral", "manage.py release_shard beta"):
        with Busy(world):
            pids = wait_for(
                lambda: [word for word in world.psql("beta", IDLE)[0].split() if word.isdigit()]
            )
            page.places["17411"] = pids[0]
            wait_for(lambda: "Lock " in world.psql("beta", WAITS)[0], "nobody waits for it")
            page.do("Check", "SELECT pid, date_trunc", in_any_order=True)
            page.do("Check", "SELECT pid AS waits", in_any_order=True)
            page.do("Act", "manage.py suspend_tenant")
            page.do("Act", "SELECT pg_cancel_backend")
            page.do("Act", "manage.py hold_shard")
            assert world.until_refused("dune").status == 503
        page.do("Verify", "manage.py list_shards")
        page.do("Undo", "manage.py resume_tenant")
        page.do("Undo", "manage.py release_shard")
    world.until_served("coral")
    page.is_at_its_end()


def test_control_is_down(world: World):
    page = world.walk("control-down", "control")
    world.stack.stop_server("control")
    try:
        world.until_logged("No heartbeat, going on without")
        for slug in world.places:
            assert world.is_served(slug), "processes remember them"
        wait_for(
            lambda: world.ask("acme") and "directory goes by memory" in world.site.log.read_text()
        )
        page.do("Symptom", "manage.py create_tenant", ends=1)
        page.do("Check", "curl")
        assert "no response" in page.do("Check", "pg_isready", ends=2)
        with elsewhere(world, page.said("Act").splitlines()):
            world.until_ready(control=True)
            page.do("Verify", "curl")
    finally:
        world.stack.start_server("control")
    page.is_at_its_end()


@contextmanager
def elsewhere(world: World, said: list[str]) -> Iterator[None]:
    """Control is lost and comes back at another address, in a newer registry; and back at the end.

    said: by a process, when it takes that registry and when it reaches control.
    """
    path = world.stack.files.registry
    known = read_registry(path)
    assert known.control is not None
    with TcpProxy(known.control.direct.port) as proxy:
        at = replace(known.control.direct, port=proxy.port)
        new = replace(known.control, direct=at, pooled=at)
        write_registry(path, replace(known, version=known.version + 1, control=new))
        try:
            # The old address stays away until nobody looks there any more. A process that met
            # control there again would have no reason to ask the file for another.
            world.until_logged(said[0])
            world.stack.start_server("control")
            world.until_logged(GAP.join(said))
            yield
        finally:
            write_registry(path, replace(known, version=known.version + 2))
            proxy.close()
            world.stack.start_server("control")
            world.until_heard()


def test_redis_is_down(world: World):
    page = world.walk("redis-down", "alpha")
    world.stack.stop_server(REDIS)
    try:
        for slug in world.places:
            assert world.is_served(slug)
        world.until_ready(redis=False)
        page.do("Check", "curl")
        page.do("Check", "redis-cli", ends=1)
        assert world.ask("nobody").status == 404, "whom no process remembers"
        world.until_logged("Redis is away, calls are refused for 1.0 s")
    finally:
        world.stack.start_server(REDIS)
    page.do("Check", "redis-cli")
    world.until_ready(redis=True)
    page.do("Verify", "curl")
    page.is_at_its_end()


def test_connections_are_exhausted(world: World):
    page = world.walk("connections-exhausted", "beta")
    page.places["interval '1 minute'"] = "interval '0'"  # nobody waits for that here
    beta = world.stack.direct_registry().shards["beta"]
    with ExitStack() as opened:
        taken = []
        with pytest.raises(psycopg.OperationalError):
            while True:
                one = psycopg.connect(**beta.direct.parameters(beta.own), application_name="report")
                opened.callback(one.close)
                taken.append(one)
        for one in taken[:3]:
            one.execute("SELECT 1")
        assert world.is_served("acme")
        assert "crowded" in world.shell("manage.py list_shards beta")[0]
        page.do("Check", "psql", in_any_order=True)
        page.do("Check", "manage.py pool_budget")
        page.do("Act", "SELECT pg_terminate_backend(pid)")
        page.do("Act", "SELECT count(pg_terminate_backend(pid))")
    world.until_served("coral")
    world.until_listed("beta", breakers="closed")
    page.do("Verify", "manage.py list_shards")
    page.is_at_its_end()


@contextmanager
def behind_pgbouncer(world: World) -> Iterator[WithOurFiles]:
    """Both shards, as the site knows them; in the end they are led to directly again."""
    path = world.stack.files.registry
    known = read_registry(path)
    folder = Path(tempfile.mkdtemp(prefix="atoll-pgb-"))
    server = WithOurFiles.in_folder(folder)
    shards = {name: behind(server, each) for name, each in known.shards.items()}
    led = replace(known, version=known.version + 1, shards=MappingProxyType(shards))
    try:
        lead(world, led)
        written, ends = world.shell(
            f"manage.py write_pgbouncer_config {folder} --listen 127.0.0.1 --offline"
        )
        assert ends == 0, written
        server.start()
        for slug in world.places:
            world.until_served(slug)
        yield server
    finally:
        server.stop()
        lead(world, replace(known, version=read_registry(path).version + 1))
        shutil.rmtree(folder)


def lead(world: World, known: Registry) -> None:
    """Until the site uses this registry."""
    write_registry(world.stack.files.registry, known)
    Shard.objects.using("control").update(registry_version=known.version)
    wait_for(
        lambda: str(known.version) in world.psql("control", USED)[0].split(), log=world.site.log
    )


def test_pgbouncer_is_down(world: World):
    page = world.walk("pgbouncer-down", "beta")
    with behind_pgbouncer(world) as pgbouncer:
        admin = world.postgres("beta")
        page.places |= {
            "/etc/pgbouncer/atoll": str(pgbouncer.site.folder),
            "host=10.0.0.8 port=5432 user=postgres password=…": (
                f"host=127.0.0.1 port={admin.port} user={SUPERUSER} password={admin.password}"
            ),
            "--pooled-port 6432": f"--pooled-port {pgbouncer.port}",
        }
        pgbouncer.kill()
        for slug in world.places:
            assert world.until_refused(slug).headers["Retry-After"] == "2"
        for shard in ("alpha", "beta"):
            world.until_listed(shard, breakers="open")
            world.until_logged(f"{shard}: breaker open")
        page.do("Check", "manage.py list_shards")
        page.do("Check", "curl")
        assert "accepting connections" in page.do("Check", "pg_isready")
        page.do("Check", "manage.py pooler", ends=1)
        page.do("Check", "manage.py migrate_fleet")
        # Past it, one shard after the other.
        page.do("Act", "manage.py pool_budget")
        page.do("Act", "manage.py add_shard")
        world.until_served("coral")
        assert not world.is_served("acme")
        pgbouncer.start()
        world.until_served("acme")
        page.do("Undo", "manage.py add_shard")
        world.until_listed("beta", breakers="closed")
        world.until_listed("alpha", breakers="closed")
        page.do("Verify", "manage.py pooler")
        page.do("Verify", "manage.py list_shards")
    page.is_at_its_end()


def test_fail_over(tmp_path, django_db_blocker):
    with (
        world_of(tmp_path / "world", django_db_blocker.unblock) as world,
        streaming_standby(world.stack, "alpha") as standby,
    ):
        page = world.walk("fail-over", "alpha")
        page.places |= {
            "-h OLD -p PORT": page.places["-h HOST -p PORT"],
            "port=25280": f"port={standby.port}",
            "user=postgres password=…": f"user={SUPERUSER} password={standby.primary.password}",
        }
        world.stack.sigstop("alpha")
        world.until_refused("acme")
        page.do("Check", "manage.py list_shards")
        page.do("Check", "pg_isready", ends=2)
        page.do("Check", "export")
        page.do("Check", "manage.py promote_shard")
        page.do("Act", "manage.py promote_shard", typed="alpha")
        world.until_served("acme")
        world.until_listed("alpha", breakers="closed")
        page.do("Verify", "manage.py list_shards")
        # The old one wakes, and somebody's registry leads to it.
        world.stack.sigcont("alpha")
        known = world.stack.registry()
        alpha = known.shards["alpha"]
        old = replace(alpha.direct, host="127.0.0.1")
        shards = {**known.shards, "alpha": replace(alpha, direct=old, pooled=old)}
        write_registry(tmp_path / "old.toml", replace(known, shards=MappingProxyType(shards)))
        told, ends = world.shell(
            f"ATOLL_REGISTRY={tmp_path / 'old.toml'} manage.py all_tenants_command clearsessions"
        )
        said = page.said("Undo")
        assert missing(f"acme: … {said} … birch: … {said} … Failed for 2 of 4", told) == [], told
        assert ends == 1
        page.is_at_its_end()


PAGE = """
## Check

    $ one
    a 1 b
    …
    c

1. do

        two: and nothing of it is a program

   then

        $ three
"""


def test_a_page_is_read_as_people_read_it(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    one, said, three = steps_of(tmp_path / "page.md")
    assert (one.section, one.text, one.printed) == ("Check", "one", "a 1 b\n…\nc\n")
    assert said.kind is Kind.SAID
    assert three.text == "three"


def test_what_a_page_says_and_what_is_not_so_is_found():
    assert missing("a 1 b\n…\nc\n", "a 22 b\nand more\nc") == []
    assert missing("a 1 b\n…\nc\n", "c\na 22 b") == ["c"]
    assert missing("a word", "a name") == ["a word"]
