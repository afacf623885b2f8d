import io
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import psutil
import pytest

from devstack.demo.console_output import LabelledOutput
from devstack.demo.errors import ProgramEnded
from devstack.demo.interrupts import Interrupts
from devstack.demo.leftovers import end_leftovers, remember
from devstack.demo.supervisor import Supervisor, run_program
from devstack.demo.types import Program

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
# A child that outlives its parent, as a forked worker does when its master is killed.
PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('child', child.pid, flush=True); time.sleep(600)"
)
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)"
)


def python(label, code):
    return Program(label, (sys.executable, "-c", code))


@pytest.fixture
def said():
    return io.StringIO()


@pytest.fixture
def supervisor(said):
    supervisor = Supervisor(LabelledOutput(said), environment={})
    yield supervisor
    supervisor.stop(within=timedelta(0))


def wait_for(holds, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_line_begins_with_the_name_of_who_said_it(supervisor, said):
    supervisor.start(python("one", SLEEPER))
    supervisor.start(python("two", SLEEPER))
    wait_for(lambda: said.getvalue().count("up") == 2)
    heads = {line.split("|")[0].strip() for line in said.getvalue().splitlines()}
    assert heads == {"one", "two"}


def test_a_program_gets_its_input_and_its_environment(said):
    code = "import os, sys; print(sys.stdin.read(), os.environ['GIVEN'])"
    run_program(python("p", code), LabelledOutput(said), environment={"GIVEN": "this"}, text="take")
    assert "take this" in said.getvalue()


def test_a_program_is_not_led_to_the_callers_servers(said, monkeypatch):
    monkeypatch.setenv("ATOLL_REGISTRY", "/somewhere/else.toml")
    code = "import os; print(os.environ.get('ATOLL_REGISTRY'))"
    run_program(python("p", code), LabelledOutput(said), environment={})
    assert "None" in said.getvalue()


def test_a_program_that_fails_is_told_with_its_status_and_its_words(said):
    with pytest.raises(ProgramEnded, match="p ended with status 3"):
        run_program(
            python("p", "import sys; print('because'); sys.exit(3)"),
            LabelledOutput(said),
            environment={},
        )
    assert "because" in said.getvalue()


def test_a_program_that_ends_by_itself_is_noticed(supervisor):
    process = supervisor.start(python("short", "pass"))
    process.wait()
    with pytest.raises(ProgramEnded, match="short"):
        supervisor.raise_if_one_ended()


def test_an_interrupt_while_a_program_starts_waits_until_it_can_be_ended(supervisor, monkeypatch):
    popen = subprocess.Popen

    def interrupted(*args, **kwargs):
        process = popen(*args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        supervisor.start(python("one", SLEEPER))
    (pid,) = supervisor.pids
    supervisor.stop()
    assert is_dead(pid)


def test_stopping_ends_what_a_program_forked(supervisor, said):
    supervisor.start(python("parent", PARENT))
    wait_for(lambda: "child" in said.getvalue())
    child = int(said.getvalue().split()[-1])
    supervisor.stop()
    wait_for(lambda: not psutil.pid_exists(child) or is_dead(child))


def test_stopping_is_bounded_when_a_program_does_not_listen(supervisor, said):
    process = supervisor.start(python("deaf", DEAF))
    wait_for(lambda: "up" in said.getvalue())
    began = time.monotonic()
    supervisor.stop(within=timedelta(seconds=0.3))
    assert time.monotonic() - began < 3
    assert process.returncode == -signal.SIGKILL


def test_what_a_killed_demo_left_is_ended_by_the_next_one(tmp_path):
    left = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
    try:
        remember(tmp_path / "programs.json", [left.pid])
        assert end_leftovers(tmp_path / "programs.json") == 1
        assert not psutil.pid_exists(left.pid)
        assert end_leftovers(tmp_path / "programs.json") == 0
    finally:
        left.kill()
        left.wait()


def test_a_process_that_only_has_the_number_of_one_left_is_spared(tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
    try:
        (tmp_path / "programs.json").write_text(f'{{"{stranger.pid}": 1.0}}')
        assert end_leftovers(tmp_path / "programs.json") == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_reader_that_goes_away_ends_the_output_and_nothing_else():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        output = LabelledOutput(stream)
        os.close(reading)
        output.say("one", "nobody hears this")
        assert not output.is_open
        output.say("one", "nor this")
        # Else closing the stream would try once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_dead(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
