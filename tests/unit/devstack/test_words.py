"""What devstack and demo say to people."""

import signal
import subprocess
import sys

import pytest

from devstack.conf import Files
from devstack.demo.checking import check_said
from devstack.demo.errors import CheckFailed, ProgramEnded
from devstack.demo.plan import ROOT
from devstack.demo.types import OperatorSignIn, Running, SignIn
from devstack.services.tell_status import ServerStatus, StackStatus, as_text


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (3, "beat ended with status 3;"),
        (-signal.SIGKILL, "beat was killed (SIGKILL);"),
        (-40, "beat was killed (signal 40);"),
    ],
)
def test_a_program_that_was_killed_is_told_from_one_that_failed(status, says):
    text = str(ProgramEnded("beat", status))
    assert text.startswith(says)
    assert "start again with `make demo`" in text


@pytest.mark.parametrize(("state", "told"), [("stopped", True), ("ready", False)])
def test_where_all_servers_are_stopped_the_status_says_how_to_start_them(state, told):
    servers = tuple(
        ServerStatus(name, each, None, 5500, "", "me", "log")
        for name, each in (("control", "stopped"), ("alpha", state))
    )
    text = as_text(StackStatus("folder", None, servers))
    assert ("Start them with `manage.py devstack up`." in text) is told


@pytest.mark.parametrize("there", [True, False])
def test_without_a_terminal_a_reset_asks_nobody_and_changes_nothing(there, tmp_path):
    if there:
        Files(tmp_path).state.write_text("{}")
    before = sorted(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "manage.py", "devstack", "reset"],
        cwd=ROOT,
        env={"PATH": "", "ATOLL_DEVSTACK_DIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "No terminal to ask on; nothing was changed. Say --yes." in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_where_django_is_not_manage_py_says_where_it_is():
    done = subprocess.run(
        # -S: without what is installed.
        [sys.executable, "-S", "manage.py", "check"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Django is not here: use .venv/bin/python manage.py, or run `make setup`."
    )


SIGN_INS = (
    SignIn("acme", "alpha", "acme.localhost:8000", "admin@acme.example", "demo-1"),
    SignIn("coral", "beta", "coral.localhost:8000", "admin@coral.example", "demo-2"),
)
RUNNING = Running(8000, (), SIGN_INS, OperatorSignIn("", "", "", "", ()))
SAID = [
    *(f"demo | http://{each.host}/ {each.email} {each.password}" for each in SIGN_INS),
    *("web | up", "beat | up", "worker control | up", "worker alpha | up", "worker beta | up"),
]


@pytest.mark.parametrize("left_out", range(-1, len(SAID)))
def test_a_demo_that_leaves_a_sign_in_or_a_program_out_does_not_pass_its_check(left_out):
    text = "\n".join(line for number, line in enumerate(SAID) if number != left_out)
    if left_out == -1:
        check_said(text, RUNNING)
        return
    with pytest.raises(CheckFailed):
        check_said(text, RUNNING)


def test_a_password_on_another_tenants_line_is_no_way_in():
    swapped = "\n".join(SAID).replace("demo-1", "demo-x").replace("demo-2", "demo-1")
    with pytest.raises(CheckFailed, match="sign in at acme"):
        check_said(swapped, RUNNING)
