"""What the pages about moves say is typed, and what they say that it prints, is so."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config import env
from sharding.moves.control_points import VARIABLE
from sharding.moves.models import Move
from sharding.placements.models import Placement
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.fence import arm
from tests.fixtures.pages import Walk, missing
from tests.fixtures.waiting import wait_for
from tests.scenarios.runbooks.conftest import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENT = "--max-pause 20000"
MOVER = "mover"


@dataclass
class Victim:
    """A mover that is at its point."""

    process: subprocess.Popen[bytes]
    here: Path
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def go(self) -> tuple[str, int]:
        """Let it go on to its end; what it says, and its status."""
        self.here.with_name(f"{self.here.name}.go").touch()
        status = self.process.wait(timeout=60)
        return self.log.read_text(), status


@contextmanager
def mover_at(
    world: World, folder: Path, point: str, command: str, **environment: str
) -> Iterator[Victim]:
    """A command that somebody else has typed, which has come so far."""
    folder = folder / point
    folder.mkdir()
    log = folder / "said"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command.split(),
            cwd=env.ROOT,
            env={**world.site.environment, VARIABLE: f"{folder}:{point}", **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    victim = Victim(process, folder / point, log)
    try:
        wait_for(
            lambda: victim.here.exists() or process.poll() is not None,
            f"it did not come to {point}",
            log=log,
            seconds=90,
        )
        assert victim.here.exists(), log.read_text()
        # What stands between us and Python has become Python.
        assert victim.here.read_text() == str(process.pid)
        yield victim
    finally:
        victim.kill()


def newest_move(world: World) -> Move:
    found = Move.objects.using("control").filter(tenant_id=world.places["acme"].tenant_id)
    return found.latest("pk")


def is_about(page: Walk, number: int, *shown: int) -> None:
    """What the page calls its move by one of these numbers has this one here."""
    for each in shown:
        page.places[f"_move {each}"] = f"_move {number}"


def until_nobody_works(world: World) -> None:
    """Until the lease of a mover that does not work has run out."""
    told = "manage.py list_moves --live"
    wait_for(lambda: "nobody works" in world.shell(told)[0], "its lease does not end", seconds=120)


def run(world: World, command: str, *, ends: int = 0) -> str:
    told, status = world.shell(command)
    assert status == ends, told
    return told


@pytest.fixture
def at_home(world: World) -> Iterator[World]:
    """acme lives on alpha, before and after, whatever became of its moves."""
    yield world
    for name in ("alpha", "beta"):
        world.stack.start_server(name)
    tenant_id = world.places["acme"].tenant_id
    # Every mover of before has ended.
    Placement.objects.using("control").filter(tenant_id=tenant_id).update(
        lease_holder="", lease_until=None
    )
    world.shell("manage.py resume_move acme")
    world.shell("manage.py finish_move acme")
    if get_placement(tenant_id).shard_id != "alpha":
        run(world, f"manage.py move_tenant acme --to alpha {PATIENT}")
    told = run(world, "manage.py moves_doctor")
    assert told == "Nothing is left of any move.\n"


def test_a_move_is_stuck_and_rolled_back_and_its_target_dies(at_home: World, tmp_path):
    world = at_home
    page = world.walk("moves", "beta")
    a_mover_is_dead(world, page, tmp_path)
    a_mover_hangs(world, page, tmp_path)
    page.do("Verify", "manage.py list_moves")
    page.do("Verify", "manage.py check_drift")
    roll_back(world, page)
    the_target_dies(world, page)
    page.is_at_its_end()


def a_mover_is_dead(world: World, page: Walk, folder: Path) -> None:
    command = f"manage.py move_tenant acme --to beta --mode block {PATIENT}"
    with mover_at(world, folder, "switch.after", command) as victim:
        victim.kill()
    until_nobody_works(world)
    is_about(page, newest_move(world).pk, 7, 1)
    page.do("Check", "manage.py list_moves")
    page.do("Check", "manage.py show_move")
    page.do("Check", "manage.py list_shards")
    page.do("Check", "manage.py moves_doctor", ends=1)
    page.do("Its mover is dead", "manage.py list_moves")
    page.do("Its mover is dead", "manage.py show_tenant")
    page.do("Its mover is dead", "manage.py resume_move")
    world.until_served("acme")


def a_mover_hangs(world: World, page: Walk, folder: Path) -> None:
    section = "Its mover hangs"
    command = f"manage.py move_tenant acme --to alpha --mode block {PATIENT}"
    # Two commands are typed before its lease ends, which may take a busy machine a while.
    lease = {"ATOLL_MOVE_LEASE_SECONDS": "60"}
    with mover_at(world, folder, "fence.done", command, **lease) as victim:
        victim.process.send_signal(signal.SIGSTOP)
        is_about(page, newest_move(world).pk, 2)
        page.do(section, "manage.py resume_move", ends=1)
        page.do(section, "manage.py abort_move")
        until_nobody_works(world)
        page.do(section, "manage.py list_moves")
        page.do(section, "manage.py resume_move")
        victim.process.send_signal(signal.SIGCONT)
        told, status = victim.go()
    assert status == 1
    said = page.said(section)
    assert len(missing(said, told)) < len(said.splitlines()) == 2, told
    world.until_served("acme")


def roll_back(world: World, page: Walk) -> None:
    run(world, f"manage.py move_tenant acme --to alpha --mode logical {PATIENT}")
    page.do("Check", "manage.py list_moves --tenant")
    page.do("Check", "manage.py list_shards")
    page.do("Act", "manage.py rollback_move")
    assert newest_move(world).target == "beta"
    page.do("Verify", "manage.py show_move")
    page.do("Undo", "manage.py rollback_move")
    assert newest_move(world).target == "alpha"
    page.do("Undo", "manage.py finish_move")
    assert newest_move(world).state == "done"


def the_target_dies(world: World, page: Walk) -> None:
    run(world, f"manage.py move_tenant acme --to beta --mode logical {PATIENT}")
    world.stack.kill_server("beta")
    world.until_refused("acme")
    page.do("Check", "manage.py list_shards")
    page.do("Check", "manage.py list_moves")
    told = run(world, "manage.py rollback_move acme", ends=3)
    assert "beta" in told
    assert newest_move(world).state == "soaking"
    world.stack.start_server("beta")
    world.until_served("acme")
    page.do("Verify", "manage.py show_move")
    page.do("Verify", "manage.py rollback_move")
    assert newest_move(world).target == "alpha"
    # Now beta is the source: its tenants' ones work, and it is owed what cannot be done there.
    world.stack.kill_server("beta")
    told = run(world, "manage.py finish_move acme", ends=3)
    assert world.is_served("acme")
    with own_connection(addresses.shard("alpha")) as own:
        slots = own.execute("SELECT slot_name FROM pg_replication_slots").fetchall()
    assert slots == [], "what would keep WAL for a source that is away"
    world.stack.start_server("beta")
    run(world, "manage.py resume_move acme")
    assert newest_move(world).state == "done"


def test_a_tenant_is_moved(at_home: World, tmp_path):
    world = at_home
    page = world.walk("../how-to/moves", "beta")
    page.places["rich"] = "acme"
    page.do("Look first", "manage.py move_tenant")
    page.do("How long it pauses", "manage.py move_tenant")
    page.do("Move a tenant to another shard", "manage.py move_tenant")
    assert get_placement(world.places["acme"].tenant_id).shard_id == "beta"
    run(world, f"manage.py move_tenant acme --to alpha --mode logical {PATIENT}")
    is_about(page, newest_move(world).pk, 7)
    page.do("After a move in logical mode", "manage.py rollback_move")
    assert newest_move(world).target == "beta"
    page.do("After a move in logical mode", "manage.py finish_move")
    page.do("Watch it", "manage.py list_moves")
    page.do("Watch it", "manage.py show_move")
    command = f"manage.py move_tenant acme --to alpha {PATIENT}"
    with mover_at(world, tmp_path, "copy.done", command) as victim:
        victim.kill()
        is_about(page, newest_move(world).pk, 7)
        page.do("End one", "manage.py abort_move")
        page.do("End one", "manage.py resume_move")
    assert newest_move(world).state == "aborted"
    run(world, f"manage.py move_tenant acme --to alpha {PATIENT}")
    with own_connection(addresses.shard("alpha")) as own:
        arm(own, world.places["acme"].schema)
    page.do("Look for what is left", "manage.py moves_doctor", ends=1)
    page.do("Look for what is left", "manage.py moves_doctor --fix")
    page.is_at_its_end()


TAKE = "REVOKE SET ON PARAMETER session_replication_role FROM mover"
GIVE = "GRANT SET ON PARAMETER session_replication_role TO mover"


def test_a_mover_lacks_a_right(world: World):
    page = world.walk("../how-to/rights-of-the-mover", "beta")
    assert addresses.shard("beta").mover.user == MOVER
    with psycopg.connect(world.stack.admin_conninfo("beta"), autocommit=True) as admin:
        admin.execute(TAKE)
        try:
            page.do("What the mover may do", "manage.py move_tenant", ends=1)
        finally:
            admin.execute(GIVE)
    page.is_at_its_end()
