"""Servers under a demo are stopped with it, unless somebody else wanted them up."""

import shutil
import tempfile
from io import StringIO
from pathlib import Path

import pytest

from devstack.demo.console_output import LabelledOutput
from devstack.demo.interrupts import Interrupts
from devstack.demo.leftovers import remember
from devstack.demo.servers import development_stack, running_servers
from devstack.guardian import Guardian


@pytest.fixture
def folder():
    # Not pytest's tmp_path: it closes its folders to the servers' account, at every start anew.
    folder = Path(tempfile.mkdtemp(prefix="atoll-demo-"))
    folder.chmod(0o711)
    stack = development_stack(folder / "stack")
    guardian = Guardian(stack)
    yield folder / "stack"
    stack.destroy()
    guardian.dismiss()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def visit(folder):
    """Has the servers for a moment; returns what was said and which run afterwards."""

    def visit_once(expect_run_on):
        said = StringIO()
        with (
            Interrupts() as interrupts,
            running_servers(folder, LabelledOutput(said), interrupts) as servers,
        ):
            assert servers.run_on is expect_run_on
            assert all(server.pid for server in servers.stack.servers.values())
        return said.getvalue(), running(folder)

    return visit_once


def running(folder):
    return [server.pid for server in development_stack(folder).servers.values() if server.pid]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_servers_go_with_the_demo_that_started_them_even_if_that_one_was_killed(folder, visit):
    said, left = visit(expect_run_on=False)
    assert ("run on" in said, left) == (False, [])
    assert not (folder / "demo" / "servers.json").exists()

    # By a person: they stay.
    development_stack(folder).start()
    said, left = visit(expect_run_on=True)
    assert "`manage.py devstack down` stops them" in said
    assert left

    # By a demo before this one that had no time to stop them.
    remember(folder / "demo" / "servers.json", left)
    assert visit(expect_run_on=False)[1] == []

    # By a person again, after a demo was killed and its servers were stopped by hand.
    (folder / "demo" / "servers.json").write_text('{"1": 0.5}')
    development_stack(folder).start()
    assert visit(expect_run_on=True)[1]
