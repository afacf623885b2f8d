"""What all tests share."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["pytester", "tests.fixtures.servers", "tests.fixtures.shards"]

# For the processes that tests start. Where tests share two cores, a server that answers after a
# second is busy, not away; how breakers judge is tested with times of its own.
os.environ.setdefault("ATOLL_PROBE_SECONDS", "2")

_TESTS = Path(__file__).parent
_WITHOUT_SERVERS = {_TESTS / name for name in ("unit", "repo")}


class FolderScheduling(LoadScopeScheduling):
    """Keep a folder with one worker: what its fixtures built is there once, and nobody between."""

    def _split_scope(self, nodeid: str) -> str:
        return "/".join(Path(nodeid.partition("::")[0]).parent.parts[:3])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FolderScheduling:
    return FolderScheduling(config, log)


@pytest.fixture(scope="session")
def _level_of_logs() -> int:
    return logging.getLogger().level


@pytest.fixture(autouse=True)
def _logs_as_at_the_start(_level_of_logs) -> None:
    # A Celery worker that a test starts in this process raises the level of all logs for good.
    logging.getLogger().setLevel(_level_of_logs)


@pytest.fixture(autouse=True)
def _no_database_where_none_belongs(request, django_db_blocker) -> Iterator[None]:
    # `stack` lets databases be used for the rest of the session; unit tests stay without.
    if _WITHOUT_SERVERS.isdisjoint(request.path.parents):
        yield
        return
    # What tests before this one have left open would be looked at when a response is closed.
    connections.close_all()
    with django_db_blocker.block():
        yield
