import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.down import Down


def connect(server, *, timeout: int = 3) -> psycopg.Connection:
    at = server.direct
    return psycopg.connect(
        **at.parameters(server.web),
        connect_timeout=timeout,
        autocommit=True,
    )


@contextmanager
def elapsed():
    seconds: list[float] = []
    began = time.monotonic()
    yield seconds
    seconds.append(time.monotonic() - began)


@pytest.fixture
def alpha(faulty):
    return faulty.registry.shards["alpha"]


def test_a_well_server_answers_through_its_proxy(alpha):
    with elapsed() as seconds, connect(alpha) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert seconds[0] < 1


def test_refused_is_refused_at_once_and_breaks_what_was_open(faulty, alpha):
    with connect(alpha) as before, faulty.down("alpha", Down.REFUSED):
        with elapsed() as seconds, pytest.raises(psycopg.OperationalError, match="refused"):
            connect(alpha)
        assert seconds[0] < 1
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    connect(alpha).close()


@pytest.mark.parametrize("how", [Down.SIGSTOP, Down.BLACKHOLE])
def test_a_silent_server_lets_new_connections_wait(faulty, alpha, how):
    with faulty.down("alpha", how):
        with elapsed() as seconds, pytest.raises(psycopg.errors.ConnectionTimeout):
            connect(alpha, timeout=2)
        assert 1.5 < seconds[0] < 4
        # Its neighbour is well.
        connect(faulty.registry.shards["beta"]).close()
    connect(alpha).close()


@pytest.mark.parametrize("how", [Down.SIGSTOP, Down.BLACKHOLE])
def test_a_silent_server_answers_open_connections_when_it_is_back(faulty, alpha, how):
    with connect(alpha) as connection, ThreadPoolExecutor(1) as pool:
        with faulty.down("alpha", how):
            asked = pool.submit(connection.execute, "SELECT 1")
            with pytest.raises(TimeoutError):
                asked.result(0.5)
        assert asked.result(10).fetchone() == (1,)


def test_a_slow_server_takes_two_seconds(faulty, alpha):
    with connect(alpha) as connection, faulty.down("alpha", Down.SLOW):
        with elapsed() as seconds:
            connection.execute("SELECT 1")
        assert 1.9 < seconds[0] < 3


_ASK = """
import psycopg, sys, time
began = time.monotonic()
try:
    print(psycopg.connect(sys.argv[1], connect_timeout=2).execute("SELECT 7").fetchone())
except psycopg.Error as error:
    print(type(error).__name__, 1.5 < time.monotonic() - began < 4)
"""


def test_in_a_namespace_packets_are_dropped_for_its_commands_only(namespace, stack):
    server = stack.registry().shards["alpha"]
    conninfo = psycopg.conninfo.make_conninfo(
        **server.direct.parameters(server.web),
    )
    ask = [sys.executable, "-c", _ASK, conninfo]
    assert namespace.run(ask).stdout == "(7,)\n"
    with namespace.dropped_packets("alpha"):
        assert namespace.run(ask).stdout == "ConnectionTimeout True\n"
        connect(server).close()
    assert namespace.run(ask).stdout == "(7,)\n"
