"""The demo as a person runs it: real servers, real processes, a folder of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from devstack.demo.leftovers import end_leftovers
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT
from devstack.demo.servers import development_stack
from devstack.guardian import Guardian
from tests.fixtures.ordinary_user import as_ordinary_user

ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in LEADS_ELSEWHERE}


@pytest.fixture
def folder():
    # Not pytest's tmp_path: it closes its folders to the servers' account, at every start anew.
    folder = Path(tempfile.mkdtemp(prefix="atoll-demo-"))
    folder.chmod(0o711)
    stack = development_stack(folder / "stack")
    guardian = Guardian(stack)
    yield folder
    stack.destroy()
    guardian.dismiss()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(folder):
    """Starts demos of one folder; those still running at the end are stopped."""
    started = []

    def start_one(port=0):
        started.append(Demo(folder, port))
        return started[-1]

    yield start_one
    for demo in started:
        if demo.process.poll() is None:
            demo.stop()
    end_leftovers(folder / "stack" / "demo" / "programs.json")


class Demo:
    """One `manage.py demo`."""

    def __init__(self, folder, port=0):
        self.ready_file = folder / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "manage.py", "demo", "--port", str(port)),
                    *("--folder", folder / "stack", "--ready-file", self.ready_file),
                ],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_said(self, text):
        self._wait(lambda: text in self.said(), f"the demo says {text!r}")

    def wait_until_ready(self):
        self._wait(self.ready_file.exists, "the demo is up")
        return json.loads(self.ready_file.read_text())

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)

    def said(self):
        return self.log.read_text(errors="replace")

    def _wait(self, holds, what):
        deadline = time.monotonic() + 120
        while not holds():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.said()}"
            time.sleep(0.05)


def sessions_alive(pids):
    alive = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in pids and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process.pid)
        except (ProcessLookupError, psutil.Error):
            continue
    return alive


def test_a_taken_port_is_told_before_anything_is_started(folder, start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start(port)
        assert demo.process.wait(60) == 1
    assert f"Port {port} is taken by process" in demo.said()
    assert "ATOLL_DEMO_PORT" in demo.said()
    assert not (folder / "stack" / "state.json").exists()


def test_an_interrupt_while_servers_start_leaves_none_running(folder, start):
    demo = start()
    demo.wait_until_said("Starting the servers")
    assert demo.stop(signal.SIGINT) == 0
    stack = development_stack(folder / "stack")
    if (folder / "stack" / "state.json").exists():
        assert [name for name, server in stack.servers.items() if server.pid] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_demo_is_cleared_away_by_the_next_which_finds_its_tenants_again(folder, start):
    first = start()
    ready = first.wait_until_ready()
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    second = start(ready["port"])
    again = second.wait_until_ready()
    assert sessions_alive(ready["pids"]) == []
    assert again["port"] == ready["port"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{ready['port']}/account/sign-in/", headers={"Host": "acme.localhost"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert b"Acme Tools" in answer.read()

    third = start()
    assert third.process.wait(60) == 1
    assert "A demo is running" in third.said()

    assert second.stop() == 0
    assert sessions_alive(again["pids"]) == []
    # The first demo started them and could not stop them.
    servers = development_stack(folder / "stack").servers
    assert [name for name, server in servers.items() if server.pid] == []


# CI runs `make demo-check` as a step of its own.
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("user", ["who runs the tests", "an ordinary one"])
def test_the_check_passes(user):
    before = as_ordinary_user() if user == "an ordinary one" else []
    ended = subprocess.run(
        [*before, sys.executable, "manage.py", "demo_check"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "left no process behind" in ended.stdout
