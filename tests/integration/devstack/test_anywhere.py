"""Any folder will do, and any user."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from devstack.folders import place_outside
from tests.fixtures.ordinary_user import as_ordinary_user

_TRY = """
import os, sys
from pathlib import Path
import psycopg, redis
from devstack.stack import Stack
stack = Stack(Path(sys.argv[1]), shards=("alpha",), pgbouncer=None)
try:
    stack.start()
    alpha = stack.registry().shards["alpha"]
    with psycopg.connect(**alpha.pooled.parameters(alpha.web)) as connection:
        print(*connection.execute("SELECT session_user").fetchone())
    print(redis.Redis.from_url(stack.redis_url).ping())
    print(os.geteuid() == 0, stack.server("redis").site.folder)
finally:
    stack.destroy()
"""


@pytest.fixture
def folder():
    outer = Path(tempfile.mkdtemp(prefix="atoll-test-"))
    # The servers' account, where it is another than ours, must pass through.
    outer.chmod(0o711)
    # Longer than a socket's name may be, and with what shells and files of settings trip over.
    yield outer / "My Projects" / ("é" * 60) / 'Ann\'s "deep" #1' / "%d \\ $HOME" / "stack"
    shutil.rmtree(outer, ignore_errors=True)


@pytest.mark.parametrize(
    # Root, if it is root, starts servers in all other tests, though in simpler folders.
    "user",
    [pytest.param("who runs the tests", marks=pytest.mark.slow), "an ordinary one"],
)
def test_servers_run_in_a_deep_folder_with_a_difficult_name(folder, user):
    before = as_ordinary_user() if user == "an ordinary one" else []
    done = subprocess.run(
        [*before, sys.executable, "-c", _TRY, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *answers, last = done.stdout.splitlines()
    assert answers == ["web", "True"]
    is_root = os.geteuid() == 0 and not before
    assert last == f"{is_root} {folder / 'servers' / 'redis'}"
    assert not folder.exists()
    assert not place_outside(folder).exists()
