"""What serves requests does not start where one process would serve too many shards."""

import os
import subprocess
import sys
from types import MappingProxyType

import pytest

from config import env
from sharding.pools.budget.types import SHARDS_PER_PROCESS
from sharding.registry.toml_file import write_registry
from sharding.registry.types import Endpoint, Login, Registry, Server

LETTERS = "abcdefghijklmnopqrstu"


def server(name):
    at = Endpoint("127.0.0.1", 1, name)
    return Server(name, at, at, Login("web", "w"), Login("own", "o"))


@pytest.fixture
def start(tmp_path):
    """Load what a server serves, with more shards than one process may have."""
    names = [f"shard-{letter}" for letter in LETTERS]
    assert len(names) == SHARDS_PER_PROCESS + 1
    shards = MappingProxyType({name: server(name) for name in names})
    file = tmp_path / "registry.toml"
    write_registry(file, Registry(1, server("control"), shards))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}

    def start(module, **environment):
        return subprocess.run(
            (sys.executable, "-c", f"import config.{module}"),
            cwd=env.ROOT,
            env={
                **kept,
                "DJANGO_SETTINGS_MODULE": "config.settings.prod",
                "ATOLL_SECRET_KEY": "a secret of this test that is long enough for everybody 12345",
                "ATOLL_REDIS_URL": "redis://127.0.0.1:1/0",
                "ATOLL_REGISTRY": str(file),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return start


@pytest.mark.parametrize("module", ["wsgi", "asgi"])
def test_too_many_shards_for_one_process_stop_the_start_with_a_pointer(start, module):
    ended = start(module)
    assert ended.returncode != 0
    assert "GroupTooLarge: Each process would serve 21 shards" in ended.stderr
    assert "ATOLL_PROCESS_GROUPS" in ended.stderr


def test_a_process_of_a_group_that_serves_some_of_them_starts(start):
    some = ",".join(f"shard-{letter}" for letter in LETTERS[:9])
    others = ",".join(f"shard-{letter}" for letter in LETTERS[9:])
    groups = f"web-a=4x8:{some} web-b=4x8:{others}"
    ended = start("wsgi", ATOLL_PROCESS_GROUPS=groups, ATOLL_PROCESS_GROUP="web-a")
    assert ended.returncode == 0, ended.stderr
