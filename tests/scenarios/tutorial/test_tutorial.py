"""The tutorial does what it says, command by command, in one shell."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from devstack.ports import free_port
from tests.fixtures.servers import missing as server_missing
from tests.scenarios.tutorial.blocks import Block, blocks_of, missing

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorial.md"
_MARK = "--- block ---"


def test_gaps_and_order_of_what_is_printed_are_understood():
    assert list(missing("a…\n…\nc\n", "x\nabc\nb\nc\n")) == []
    assert list(missing("c\na\n", "a\nc\n")) == ["a"]
    assert list(missing("ab\n", "abc\n")) == ["ab"]


@pytest.fixture
def checkout(tmp_path):
    """A fresh clone: what git knows of, as it stands here, and no environment."""
    place = tmp_path / "atoll"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    yield place
    servers = place / "shop" / ".servers"
    if servers.exists():
        environment = {
            **os.environ,
            "ATOLL_DEVSTACK_DIR": str(servers),
            "ATOLL_DEVSTACK_SHARDS": "alpha,beta,gamma",
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        }
        command = [place / ".venv/bin/python", place / "manage.py", "devstack", "reset", "--yes"]
        subprocess.run(command, cwd=place, env=environment, check=True, timeout=120)


def script(blocks: list[Block], port: int) -> str:
    commands = [block.commands.replace("PORT=8000", f"PORT={port}") for block in blocks]
    # Job control, for `kill %1`, as in the reader's shell.
    return "set -eum\n" + f"echo '{_MARK}'\n".join(commands)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_works_and_prints_what_the_page_says(checkout):
    if shutil.which("curl") is None:
        server_missing("this machine has no curl")
    blocks = blocks_of(PAGE)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ATOLL_", "DJANGO_", "PYTEST_"))
    }
    shell = subprocess.Popen(
        ["bash", "-c", script(blocks, free_port())],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = shell.communicate(timeout=800)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    parts = output.split(f"{_MARK}\n")
    assert shell.returncode == 0, output
    assert len(parts) == len(blocks)
    for block, printed in zip(blocks, parts, strict=True):
        absent = list(missing(block.printed or "", printed))
        assert not absent, f"{block.commands}\nprinted\n{printed}\nand not\n{absent}"


def test_a_command_that_fails_is_found(tmp_path):
    bad = [Block("echo one\nfalse\n"), Block("echo two\n")]
    command = ["bash", "-c", script(bad, 1)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode != 0
    assert b"two" not in ran.stdout
