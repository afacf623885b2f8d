import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from devstack.stack import Stack

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(request):
    """Where the command's servers are: an empty place, or as the fixture says that is named."""
    if named := getattr(request, "param", ""):
        yield request.getfixturevalue(named)
        return
    outer = Path(tempfile.mkdtemp(prefix="atoll-test-"))
    outer.chmod(0o711)
    yield outer / "stack"
    Stack(outer / "stack", pgbouncer=None).destroy()
    shutil.rmtree(outer, ignore_errors=True)


@pytest.fixture
def devstack(folder):
    """Runs `manage.py devstack …` as a person does, on a folder of the test's own."""
    led_elsewhere = ("ATOLL_REGISTRY", "ATOLL_REDIS_URL", "DJANGO_SETTINGS_MODULE")
    kept = {name: value for name, value in os.environ.items() if name not in led_elsewhere}
    env = {**kept, "ATOLL_DEVSTACK_DIR": str(folder)}

    def run(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "devstack", *arguments],
            env=env,
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


@pytest.fixture
def look(folder, monkeypatch):
    """The same in this process, which costs a second less: for what only looks."""
    monkeypatch.setenv("ATOLL_DEVSTACK_DIR", str(folder))

    def run(*arguments: str, status: int = 0) -> str:
        out, ended, said = io.StringIO(), 0, ""
        try:
            call_command("devstack", *arguments, stdout=out)
        except CommandError as error:
            ended, said = error.returncode, str(error)
        assert ended == status, said
        return said or out.getvalue()

    return run


def test_where_nothing_was_started_it_says_how_to(look, folder):
    assert "devstack up" in look("status")
    assert "devstack up" in look("logs", status=1)
    assert not folder.exists()


@pytest.fixture
def folder_of_running(own_stack, monkeypatch):
    """Servers that run are those of the command."""
    monkeypatch.setenv("ATOLL_DEVSTACK_SHARDS", "alpha")
    return own_stack.folder


@pytest.mark.parametrize("folder", ["folder_of_running"], indirect=True)
def test_a_person_looks_at_servers_that_run_and_takes_them_down(devstack, look, folder):
    """How they are brought up is seen wherever the demo starts (tests/browser)."""
    status = json.loads(look("status", "--json"))
    ready = {each["name"] for each in status["servers"] if each["state"] == "ready"}
    assert ready == {"control", "alpha", "redis"}
    asked_as_web = devstack("psql", "alpha", "--login", "web", "-c", "SELECT session_user")
    assert "web" in asked_as_web
    assert "control, alpha" in look("psql", "gamma", status=2)
    unknown = look("psql", "alpha", "--login", "nobody", status=2)
    assert "alpha has no login 'nobody' (it has superuser, web" in unknown
    assert "ready to accept connections" in look("logs", "alpha")
    last_two = look("logs", "alpha", "-n", "2")
    assert last_two.count("\n") == 2
    assert last_two in look("logs", "alpha", "-n", "500")
    assert look("logs", "alpha", "control", "-n", "1").count("\n") == 2
    with pytest.raises(CommandError, match="'many' is no number of lines"):
        call_command("devstack", "logs", "-n", "many")
    assert "control, alpha" in look("logs", "gamma", status=2)
    assert (folder / "registry.toml").stat().st_mode & 0o777 == 0o600

    look("down")
    status = json.loads(look("status", "--json"))
    assert {each["state"] for each in status["servers"]} == {"stopped"}
    assert not status["up"]


@pytest.mark.slow
def test_a_person_brings_the_servers_up_and_deletes_them(devstack, look, folder):
    assert "ready" in devstack("up")
    status = json.loads(look("status", "--json"))
    assert status["up"]
    assert {each["name"] for each in status["servers"]} >= {"control", "alpha", "beta", "redis"}
    asked = "SELECT name, state, 'fsync is ' || current_setting('fsync') FROM placements_shard"
    answer = devstack("psql", "control", "-c", asked)
    assert "active" in answer
    assert "fsync is on" in answer
    devstack("down")
    devstack("reset", "--yes")
    assert not folder.exists()


@pytest.mark.slow
def test_up_again_starts_what_has_died_and_nothing_else(devstack, look, folder):
    """The quick share is what test_recovery.py asks of the servers themselves."""
    devstack("up")
    before = {s["name"]: s["pid"] for s in json.loads(look("status", "--json"))["servers"]}
    asked_as_web = devstack("psql", "alpha", "--login", "web", "-c", "SELECT session_user")
    assert "web" in asked_as_web
    version = (folder / "registry.toml").read_text()

    os.kill(before["alpha"], signal.SIGKILL)
    devstack("up")
    after = {s["name"]: s["pid"] for s in json.loads(look("status", "--json"))["servers"]}
    assert [name for name in before if before[name] != after[name]] == ["alpha"]
    assert (folder / "registry.toml").read_text() == version


_WANTS_SERVERS = """
import sys, time
from pathlib import Path
from devstack.guardian import Guardian
from devstack.stack import Stack
stack = Stack(Path(sys.argv[1]), shards=("alpha",), redis=False)
guardian = Guardian(stack)
stack.start()
print(*[server.pid for server in stack.servers.values()], flush=True)
time.sleep(60)
"""


def test_throw_away_servers_end_with_the_process_that_wanted_them(folder):
    paths = os.pathsep.join(path for path in sys.path if path)
    wants = subprocess.Popen(
        [sys.executable, "-c", _WANTS_SERVERS, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
    )
    assert wants.stdout is not None
    with wants:
        servers = [psutil.Process(int(pid)) for pid in wants.stdout.readline().split()]
        assert len(servers) == 2
        wants.kill()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    for server in servers:
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
