"""A server that hangs is given up in bounded time, whatever one was doing with it.

Without breakers, which would end each of these waits sooner (test_breakers.py): this is what holds
where they know nothing yet.
"""

import asyncio
import sys
import threading
import time
from contextlib import contextmanager
from time import monotonic

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.pools import deadline
from sharding.pools.breaker import install_breaker
from sharding.pools.deadline import AsyncDeadlined, Deadlined, async_deadlined_for, request_ends
from sharding.pools.errors import ShardAway
from sharding.pools.outages import looks_away, says_away
from tests.fixtures.connections import forget_connections
from tests.fixtures.waiting import wait_for
from tests.integration.backend.grounds import sqlstate
from tests.integration.backend.models import Author

pytestmark = pytest.mark.direct("it stops the server whose silence it looks at")

CAP_S = 0.8
SLACK_S = 1.5
"""What a busy machine may add."""


@contextmanager
def takes(least: float, most: float):
    began = monotonic()
    yield
    assert least - 0.1 <= monotonic() - began <= most + SLACK_S


@pytest.fixture
def capped(grounds, monkeypatch):
    """A short cap; beta's connection is open in this thread, and alpha's.

    On beta d was the last; c, of whom the tests speak, comes after it on the same connection.
    """
    monkeypatch.setattr(Deadlined, "cap", CAP_S)
    monkeypatch.setattr(AsyncDeadlined, "cap", CAP_S)
    monkeypatch.setattr(deadline, "GRACE_S", 0.3)
    for place in (grounds.a, grounds.c, grounds.d):
        with scope.enter(place):
            Author.objects.create(name=place.role)
    yield grounds
    with scope.enter(grounds.d):
        connection.close()  # what the test left of it may be unusable
        assert [author.name for author in Author.objects.all()] == [grounds.d.role]


@contextmanager
def stopped(stack, name="beta"):
    stack.sigstop(name)
    try:
        yield
    finally:
        stack.sigcont(name)
        # What this thread knows of the outage is not the next test's.
        deadline._met_away.__dict__.clear()


def is_away(error) -> bool:
    return isinstance(error.value.__cause__ or error.value, ShardAway)


@pytest.mark.parametrize("pool", [None, {"max_size": 2}], ids=["without pool", "with pool"])
def test_a_statement_on_a_kept_connection_ends(capped, stack, settings, pool):
    settings.ATOLL_POOL = pool
    with scope.enter(capped.c):
        forget_connections()
        Author.objects.count()
        with stopped(stack), pytest.raises(OperationalError) as error, takes(CAP_S, CAP_S):
            Author.objects.count()
        assert is_away(error)
        connection.close()
        assert Author.objects.count() == 1, "the server is back, and so are we"


def test_the_other_shard_does_not_notice(capped, stack):
    with stopped(stack), scope.enter(capped.a), takes(0, 0.2):
        assert Author.objects.count() == 1


def test_leaving_a_block_does_not_wait_a_second_time(capped, stack):
    with stopped(stack), scope.enter(capped.c), takes(CAP_S, CAP_S):
        with pytest.raises(OperationalError) as error, transaction.atomic():
            Author.objects.count()
        assert is_away(error)
        with pytest.raises(OperationalError, match="known to be away"):
            Author.objects.count()


def test_a_commit_without_an_answer_ends(capped, stack):
    with scope.enter(capped.c), pytest.raises(OperationalError) as error, takes(CAP_S, CAP_S):
        with transaction.atomic():
            Author.objects.create(name="unknown")
            stack.sigstop("beta")
    try:
        assert is_away(error)
    finally:
        stack.sigcont("beta")
        deadline._met_away.__dict__.clear()


def ended_by_an_admin(grounds, pid):
    with grounds.superuser("beta") as admin:
        ended = admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,)).fetchone()
    assert ended == (True,)


def ended_by_the_servers_time_out(grounds, pid):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
    with grounds.superuser("beta") as admin:
        there = "SELECT FROM pg_stat_activity WHERE pid = %s"
        wait_for(lambda: admin.execute(there, [pid]).rowcount == 0)


@pytest.mark.parametrize("end", [ended_by_an_admin, ended_by_the_servers_time_out])
def test_a_commit_in_a_session_that_was_ended_before_it_says_that_it_is_lost(capped, end):
    """psycopg alone calls some of it internal errors, which nobody takes for an outage."""
    with scope.enter(capped.c):
        with pytest.raises(OperationalError) as error:
            with transaction.atomic():
                Author.objects.create(name="never")
                end(capped, connection.connection.info.backend_pid)
        assert says_away(error.value)
        assert [author.name for author in Author.objects.all()] == [capped.c.role]


def test_the_asyncio_twin_says_so_as_well(capped):
    server = capped.registry.shards["beta"]

    async def work():
        connected = await async_deadlined_for("beta").connect(
            **server.pooled.parameters(server.web)
        )
        await connected.execute("SELECT 1")
        await connected.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
        await asyncio.sleep(1)
        with pytest.raises(psycopg.OperationalError) as error:
            await connected.commit()
        assert looks_away(error.value)

    asyncio.run(work())


def test_the_requests_own_deadline_comes_first(capped, stack):
    with stopped(stack), scope.enter(capped.c), takes(0.3, 0.3):
        token = request_ends.set(monotonic() + 0.1)
        try:
            with pytest.raises(OperationalError) as error:
                Author.objects.count()
        finally:
            request_ends.reset(token)
    assert is_away(error)


def test_a_breaker_that_opens_frees_who_waits(capped, stack):
    class Watched:
        away = False
        suspected = threading.Event()

        def suspect(self, reason=""):
            self.suspected.set()
            self.away = True

    install_breaker("beta", Watched())
    try:
        with stopped(stack), scope.enter(capped.c), takes(0.25, 0.45):
            with pytest.raises(OperationalError, match="known to be away"):
                Author.objects.count()
            assert Watched.suspected.is_set()
            connection.close()
            with pytest.raises(OperationalError, match="known to be away"):
                Author.objects.count()
    finally:
        install_breaker("beta", None)


class OpensAfterALook:
    """Opens a moment after the third look that follows a suspicion: who waits has just looked."""

    def __init__(self):
        self.opened_at = None
        self._left = None

    def suspect(self, reason=""):
        self._left = 3

    @property
    def away(self):
        if self._left:
            self._left -= 1
            if not self._left:
                threading.Timer(0.004, self._open).start()
        return self.opened_at is not None

    def _open(self):
        self.opened_at = monotonic()


def test_who_waits_is_free_soon_after_a_breaker_has_opened(capped, stack):
    freed_after = []
    try:
        for _ in range(3):
            breaker = OpensAfterALook()
            install_breaker("beta", breaker)
            with scope.enter(capped.c):
                with stopped(stack):
                    with pytest.raises(OperationalError, match="known to be away"):
                        Author.objects.count()
                    freed_after.append(monotonic() - breaker.opened_at)
                connection.close()
                install_breaker("beta", None)
                Author.objects.count()
    finally:
        install_breaker("beta", None)
    # The best of them: a busy machine has others.
    assert min(freed_after) < 0.03, freed_after


def test_a_server_that_only_works_long_meets_its_own_time_out_first(capped):
    with scope.enter(capped.c), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 100")
        with pytest.raises(OperationalError) as error:
            cursor.execute("SELECT pg_sleep(5)")
        assert not is_away(error)
        transaction.set_rollback(True)
    with scope.enter(capped.c):
        assert Author.objects.count() == 1


SQLSTATE_CANCELLED = "57014"


@pytest.mark.parametrize("alias", ["beta", "control"])
def test_nobody_need_ask_for_that_time_out(grounds, alias):
    """The server keeps it with the login: the cap of the client, half a second longer, waits."""
    place = scope.CONTROL if alias == "control" else grounds.c
    with scope.enter(place), connections[alias].cursor() as cursor, takes(3, 3.3):
        with pytest.raises(OperationalError) as error:
            cursor.execute("SELECT pg_sleep(20)")
        assert not is_away(error)
        assert sqlstate(error.value) == SQLSTATE_CANCELLED
        raw = connections[alias].connection
        cursor.execute("SELECT 1")
        assert connections[alias].connection is raw, "the connection lives on"


def test_negative_control_without_it_the_client_gives_up_and_the_connection_is_lost(capped):
    with scope.enter(capped.c), connection.cursor() as cursor, takes(CAP_S, CAP_S):
        raw = connection.connection
        with pytest.raises(OperationalError) as error:
            cursor.execute("SELECT pg_sleep(20)")
        assert is_away(error)
        assert raw.closed
    deadline._met_away.__dict__.clear()


@pytest.mark.parametrize("way", ["executemany", "copy", "stream", "named", "rollback"])
def test_every_way_to_wait_ends(capped, stack, way):
    with scope.enter(capped.c), takes(0, CAP_S), pytest.raises(OperationalError) as error:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            stack.sigstop("beta")
            try:
                if way == "executemany":
                    cursor.executemany(
                        "INSERT INTO backend_tests_author (name) VALUES (%s)", [("x",)]
                    )
                elif way == "copy":
                    with connection.wrap_database_errors:
                        cursor.copy("COPY backend_tests_author TO STDOUT").__enter__()
                elif way == "stream":
                    with connection.wrap_database_errors:
                        list(cursor.stream("SELECT 1"))
                elif way == "named":
                    with connection.wrap_database_errors, connection.create_cursor("n") as named:
                        named.execute("SELECT 1")
                else:
                    with connection.wrap_database_errors:
                        connection.connection.rollback()
            finally:
                stack.sigcont("beta")
                deadline._met_away.__dict__.clear()
    assert is_away(error)


def test_a_health_check_of_a_pooled_connection_ends(capped, stack, settings):
    settings.ATOLL_POOL = {"max_size": 2}
    forget_connections()
    with scope.enter(capped.c):
        Author.objects.count()
        connection.close()
        with stopped(stack), pytest.raises(OperationalError), takes(0.5, CAP_S + 2.5):
            Author.objects.count()
        connection.close()
        assert Author.objects.count() == 1


def test_connecting_ends(capped, stack):
    with scope.enter(capped.c):
        connections["beta"].close()
        with stopped(stack), pytest.raises(OperationalError), takes(1.5, 2.5):
            Author.objects.count()
        assert Author.objects.count() == 1


def test_session_bound_mode_finds_out_before_it_begins(capped, stack):
    with stopped(stack), pytest.raises(OperationalError), takes(0, 4.5):
        session_bound(capped.c).__enter__()
    with session_bound(capped.c), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
        assert connection.connection.cap > 60


def test_cancelling_ends(capped, stack):
    with scope.enter(capped.c):
        connection.ensure_connection()
        raw = connection.connection
        raw.pgconn.send_query(b"SELECT pg_sleep(60)")
        with stopped(stack), takes(0, 1.1):
            raw.cancel()
        raw.close()


def test_with_an_old_libpq_cancelling_asks_nothing(capped, monkeypatch):
    """Its only call blocks while it holds the interpreter's lock."""
    monkeypatch.setattr(psycopg.capabilities, "has_cancel_safe", lambda check=False: False)
    with scope.enter(capped.c):
        connection.ensure_connection()
        connection.connection.cancel()


def test_the_asyncio_twin_ends_as_well(capped, stack):
    server = capped.registry.shards["beta"]

    async def work():
        connected = await async_deadlined_for("beta").connect(
            **server.pooled.parameters(server.web),
            autocommit=True,
        )
        stack.sigstop("beta")
        try:
            with pytest.raises(ShardAway), takes(CAP_S, CAP_S):
                await connected.execute("SELECT 1")
        finally:
            stack.sigcont("beta")
        assert connected.closed

    if sys.platform == "win32":
        pytest.skip("selectors")
    asyncio.run(work())


def test_negative_control_without_the_deadline_it_would_hang(capped, stack):
    with scope.enter(capped.c):
        connection.ensure_connection()
        connection.connection.cap = 60.0
        told = []

        def work(raw):
            try:
                raw.execute("SELECT 1")
                told.append("answer")
            except psycopg.Error:
                told.append("error")

        with stopped(stack):
            waiting = threading.Thread(target=work, args=(connection.connection,))
            waiting.start()
            time.sleep(CAP_S * 3)
            assert told == [], "statement_timeout, keepalives and tcp_user_timeout do not end it"
        waiting.join()
        assert told == ["answer"]
