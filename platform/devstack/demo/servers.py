"""The servers under the demo: brought up the way a person does it, and let go of afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.conf import Files
from devstack.demo.console_output import LabelledOutput
from devstack.demo.interrupts import Interrupts
from devstack.demo.plan import bring_up
from devstack.demo.supervisor import run_program
from devstack.stack import Stack


@contextmanager
def running_servers(
    folder: Path, output: LabelledOutput, interrupts: Interrupts
) -> Iterator[Stack]:
    """All servers of `folder`, for the length of a `with` block.

    Servers that ran before run on afterwards: somebody else wanted them up.
    """
    stack = development_stack(folder)
    # Named outright: the settings of development would look beside manage.py.
    named = {
        "ATOLL_DEVSTACK_DIR": str(folder),
        "ATOLL_REGISTRY": str(Files(folder).registry),
    }
    ran_before = _is_up(stack)
    try:
        run_program(bring_up(), output, environment=named)
        yield stack
    finally:
        interrupts.hold()
        if not ran_before:
            stack.stop()


def development_stack(folder: Path) -> Stack:
    """The stack that `manage.py devstack` runs in `folder`."""
    return Stack(folder, fsync=True, pgbouncer=None)


def environment_of(stack: Stack) -> dict[str, str]:
    """The variables that lead a process to these servers."""
    lines = Files(stack.folder).environment.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _is_up(stack: Stack) -> bool:
    if not Files(stack.folder).state.exists():
        return False
    return any(server.pid is not None for server in stack.servers.values())
