import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from devstack.errors import PortTaken, StackIsBusy
from devstack.locking import folder_lock
from devstack.processes import working_in
from devstack.stack import Stack
from tests.integration.devstack.conftest import kept_row, pids

ROOT = Path(__file__).resolve().parents[3]
_START = """
import sys
from pathlib import Path
from devstack.stack import Stack
Stack(Path(sys.argv[1]), shards=("alpha",)).start()
"""


def start_elsewhere(folder: Path) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.PIPE,
    )


def test_a_second_start_leaves_everything_as_it_is(own_stack):
    before = pids(own_stack), own_stack.files.registry.read_text()
    own_stack.start()
    assert (pids(own_stack), own_stack.files.registry.read_text()) == before


def test_after_a_stop_the_same_ports_serve_the_same_data(own_stack):
    ports = {name: server.port for name, server in own_stack.servers.items()}
    own_stack.stop()
    assert set(pids(own_stack).values()) == {None}
    again = Stack(own_stack.folder, shards=("alpha",))
    again.start()
    assert {name: server.port for name, server in again.servers.items()} == ports
    assert kept_row(again) == (42,)


def test_a_shard_that_nobody_names_any_more_is_looked_at_and_stopped_with_the_others(own_stack):
    Stack(own_stack.folder, shards=("alpha", "beta")).start()
    seen = Stack(own_stack.folder, shards=("alpha",))
    assert pids(seen)["beta"]
    files = seen.server("beta").site.folder
    seen.stop()
    assert not working_in(files, "postgres")
    # One that does not run is nobody's business, and keeps its data.
    assert "beta" not in Stack(own_stack.folder, shards=("alpha",)).servers
    assert (files / "PG_VERSION").exists()
    own_stack.start()


def test_servers_killed_outright_come_back_with_their_data(own_stack):
    before = pids(own_stack)
    for name in own_stack.servers:
        own_stack.kill_server(name)
    own_stack.start()
    after = pids(own_stack)
    assert all(after.values())
    assert not set(after.values()) & set(before.values())
    assert kept_row(own_stack) == (42,)


@pytest.mark.needs("pgbouncer")
def test_a_pooler_that_met_a_dead_server_leads_to_it_once_it_was_started_again(own_stack):
    pooled = Stack(own_stack.folder, shards=("alpha",), pgbouncer=True)
    pooled.start()
    alpha = pooled.registry().shards["alpha"]

    def ask():
        with psycopg.connect(**alpha.pooled.parameters(alpha.web), connect_timeout=5) as pool:
            return pool.execute("SELECT session_user").fetchone()

    try:
        assert ask() == ("web",)
        pooled.kill_server("alpha")
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError):
                ask()
        pooled.start()
        assert ask() == ("web",)
    finally:
        pooled.stop_server("pgbouncer")


def test_orphans_that_hang_on_do_not_keep_a_server_down(own_stack):
    alpha = own_stack.server("alpha")
    with psycopg.connect(own_stack.admin_conninfo("alpha")) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()
        alpha.kill()
        assert not pids(own_stack)["alpha"]
        assert backend.is_running()
        own_stack.start()
        assert pids(own_stack)["alpha"]
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
        connection.pgconn.finish()
    assert kept_row(own_stack) == (42,)


def test_a_pid_file_that_names_a_stranger_stops_nobody(own_stack):
    alpha = own_stack.server("alpha")
    alpha.kill()
    # As this process may be a stranger too, use one that PostgreSQL could signal.
    stranger = subprocess.Popen(["sleep", "60"], **alpha.site.account.identity())
    try:
        pid_file = alpha.site.folder / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert alpha.pid is None
        own_stack.stop()
        own_stack.start()
        assert kept_row(own_stack) == (42,)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_held_server_goes_on_when_it_is_started_and_ends_when_it_is_stopped(own_stack):
    alpha = own_stack.server("alpha")
    own_stack.sigstop("alpha")
    pid = alpha.pid
    own_stack.start()
    assert alpha.pid == pid
    assert kept_row(own_stack) == (42,)
    own_stack.sigstop("alpha")
    began = time.monotonic()
    own_stack.stop()
    assert time.monotonic() - began < 10
    assert set(pids(own_stack).values()) == {None}


def test_sockets_that_were_swept_away_come_back(own_stack):
    sockets = own_stack.server("alpha").site.sockets
    shutil.rmtree(sockets)
    own_stack.start()
    assert kept_row(own_stack) == (42,)
    assert all(pids(own_stack).values())


@pytest.mark.parametrize("what", ["lost", "broken"])
def test_ports_and_passwords_that_were_lost_are_made_anew_and_the_data_stays(own_stack, what):
    if what == "lost":
        own_stack.files.state.unlink()
    else:
        own_stack.files.state.write_text("{")
    again = Stack(own_stack.folder, shards=("alpha",))
    again.start()
    assert kept_row(again) == (42,)
    server = again.registry().shards["alpha"]
    psycopg.connect(
        host="127.0.0.1",
        port=server.direct.port,
        dbname="shard",
        user="web",
        password=server.web.password,
    ).close()
    own_stack.start()
    assert pids(own_stack) == pids(again)


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_left_running(own_stack):
    own_stack.stop()
    port = own_stack.server("alpha").port
    with socket.socket() as squatter:
        # As servers do: who was connected a moment ago is still remembered by the kernel.
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with pytest.raises(PortTaken, match=f"{port}.*process {os.getpid()}.*--new-ports"):
            own_stack.start()
        assert set(pids(own_stack).values()) == {None}
        own_stack.start(new_ports=True)
        assert own_stack.server("alpha").port != port
        assert own_stack.registry().shards["alpha"].direct.port != port
        assert kept_row(own_stack) == (42,)


def test_two_starts_at_once_make_one_set_of_servers(own_stack):
    own_stack.stop()
    starts = [start_elsewhere(own_stack.folder) for _ in range(2)]
    for start in starts:
        assert start.communicate(timeout=60)[1] == b""
        assert start.returncode == 0
    assert all(pids(own_stack).values())
    for server in own_stack.servers.values():
        tops = [each for each in server.processes() if each.ppid() != server.pid]
        assert [each.pid for each in tops] == [server.pid]


def test_who_waits_too_long_for_another_command_hears_which_one(own_stack):
    with own_stack.locked(), pytest.raises(StackIsBusy, match=f"process {os.getpid()}"):
        with folder_lock(own_stack.folder, wait=timedelta(0)):
            pass


@pytest.mark.parametrize(
    "moment",
    [
        "alpha.half-made",
        pytest.param("alpha/postmaster.pid", marks=pytest.mark.slow),
        pytest.param("registry.toml", marks=pytest.mark.slow),
    ],
)
def test_a_start_that_is_killed_is_finished_by_the_next(moment):
    folder = Path(tempfile.mkdtemp(prefix="atoll-test-"))
    folder.chmod(0o711)
    stack = Stack(folder / "stack", shards=("alpha",))
    try:
        start = start_elsewhere(stack.folder)
        waited_for = stack.folder / ("" if moment.endswith("toml") else "servers") / moment
        deadline = time.monotonic() + 60
        while not waited_for.exists() and start.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert waited_for.exists()
        start.send_signal(signal.SIGKILL)
        start.communicate()
        stack.start()
        assert all(pids(stack).values())
        assert not list((stack.folder / "servers").glob("*.half-made"))
        for database in stack.databases:
            psycopg.connect(stack.admin_conninfo(database)).close()
    finally:
        stack.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def test_reset_leaves_what_is_not_its_own(own_stack):
    guests = own_stack.folder / "somebody's file"
    guests.write_text("mine")
    sockets = own_stack.server("alpha").site.sockets
    own_stack.destroy()
    assert [path.name for path in own_stack.folder.iterdir()] == [guests.name]
    assert not sockets.exists()
    guests.unlink()
