"""The servers under the demo: brought up the way a person does it, and let go of afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.conf import Files, default_shards
from devstack.demo.console_output import LabelledOutput
from devstack.demo.interrupts import Interrupts
from devstack.demo.leftovers import left_running, remember
from devstack.demo.plan import bring_up
from devstack.demo.supervisor import run_program
from devstack.stack import Stack


@dataclass(frozen=True, slots=True)
class UnderDemo:
    """The servers under a running demo.

    Attributes:
        run_on: somebody else wanted them up, so they outlive the demo.
    """

    stack: Stack
    run_on: bool


@contextmanager
def running_servers(
    folder: Path, output: LabelledOutput, interrupts: Interrupts
) -> Iterator[UnderDemo]:
    """All servers of `folder`, for the length of a `with` block.

    Servers that ran before run on afterwards: somebody else wanted them up; unless it was a demo
    that was killed. Which servers a demo started is written down for as long as it runs.
    """
    stack = development_stack(folder)
    # Named outright: the settings of development would look beside manage.py.
    named = {
        "ATOLL_DEVSTACK_DIR": str(folder),
        "ATOLL_REGISTRY": str(Files(folder).registry),
    }
    ours = folder / "demo" / "servers.json"
    ran_before = _is_up(stack) and not _left_by_a_demo(ours)
    try:
        if not ran_before:
            ours.parent.mkdir(parents=True, exist_ok=True)
            remember(ours, ())
        run_program(bring_up(), output, environment=named)
        if not ran_before:
            remember(ours, [server.pid for server in stack.servers.values() if server.pid])
        yield UnderDemo(stack, run_on=ran_before)
    finally:
        interrupts.hold()
        if ran_before:
            output.tell("The servers ran before and run on; `manage.py devstack down` stops them.")
        else:
            stack.stop()
            ours.unlink(missing_ok=True)


def development_stack(folder: Path) -> Stack:
    """The stack that `manage.py devstack` runs in `folder`."""
    return Stack(folder, fsync=True, shards=default_shards(), pgbouncer=None)


def environment_of(stack: Stack) -> dict[str, str]:
    """The variables that lead a process to these servers."""
    lines = Files(stack.folder).environment.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _left_by_a_demo(ours: Path) -> bool:
    # Servers that a person stopped and started since are that person's. An empty list is of a demo
    # that was killed while they started.
    return ours.exists() and (ours.read_text("utf-8") == "{}" or bool(left_running(ours)))


def _is_up(stack: Stack) -> bool:
    if not Files(stack.folder).state.exists():
        return False
    return any(server.pid is not None for server in stack.servers.values())
