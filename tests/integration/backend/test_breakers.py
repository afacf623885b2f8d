"""Django's connections, with and without a pool, give up for a breaker and come back with it."""

import threading
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from django.db import connection as default
from django.db import connections, transaction
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.pools import deadline
from sharding.pools.breaker import BreakerState, Hold, breaker_for, hold_breakers
from sharding.pools.errors import ShardAway
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.connections import forget_connections
from tests.fixtures.waiting import wait_for
from tests.integration.backend.models import Author

connection: Any = default  # has a pool, which Django's base class does not know
CLOSED, SUSPECTED, OPEN, HELD = BreakerState
SLACK_S = 1.5
"""What a busy machine may add; the deadline is at 3.5 s."""


@pytest.fixture(params=[None, {"max_size": 2}], ids=["without pool", "with pool"])
def guarded(request, grounds, settings):
    settings.ATOLL_POOL = request.param
    forget_connections()
    with breakers_on():
        yield grounds
    forget_connections()


def is_away(error):
    return isinstance(error.value.__cause__ or error.value, ShardAway)


def test_a_request_to_a_shard_that_hangs_ends_soon_and_the_next_at_once(guarded, stack):
    with scope.enter(guarded.c):
        Author.objects.count()
        stack.sigstop("beta")
        try:
            began = monotonic()
            with pytest.raises(OperationalError) as error, transaction.atomic():
                Author.objects.count()
            assert is_away(error)
            assert monotonic() - began < 0.6 + SLACK_S
            assert breaker_for("beta").away
            deadline._met_away.__dict__.clear()  # what another thread would not know
            began = monotonic()
            with pytest.raises(OperationalError, match="known to be away"):
                Author.objects.count()
            assert monotonic() - began < 0.1
            with scope.enter(guarded.a):
                assert Author.objects.count() == 0
        finally:
            stack.sigcont("beta")
        becomes("beta", CLOSED)
        deadline._met_away.__dict__.clear()
        assert Author.objects.count() == 0


def test_what_is_held_within_a_transaction_is_rolled_back(guarded):
    with scope.enter(guarded.c):
        with pytest.raises(OperationalError) as error, transaction.atomic():
            Author.objects.create(name="never")
            hold_breakers({"beta": Hold("vacuum", datetime.now(UTC))})
        assert is_away(error)
        hold_breakers({})
        becomes("beta", CLOSED)
        deadline._met_away.__dict__.clear()
        assert Author.objects.count() == 0


def test_a_pool_that_has_nothing_to_give_has_the_server_asked(grounds, settings):
    settings.ATOLL_POOL = {"max_size": 1}
    forget_connections()
    with breakers_on(), scope.enter(grounds.a):
        Author.objects.count()  # and keeps the only connection
        with scope.enter(grounds.b, independent=True), pytest.raises(OperationalError):
            Author.objects.count()
        assert "the pool had no connection" in breaker_for("alpha").look().reason
        becomes("alpha", CLOSED)
        assert breaker_for("alpha").look().opened == 0
        assert Author.objects.count() == 0
    forget_connections()


def test_who_waits_for_a_pool_is_freed_as_well(grounds, settings):
    settings.ATOLL_POOL = {"max_size": 1, "timeout": 20}
    forget_connections()
    with breakers_on(), scope.enter(grounds.a):
        Author.objects.count()  # and keeps the only connection
        pool = connection.pool
        ended = []

        def wait():
            try:
                with scope.enter(grounds.b):
                    Author.objects.count()
            except OperationalError as error:
                ended.append((monotonic(), error.__cause__))
            finally:
                connections.close_all()

        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_for(lambda: pool.get_stats().get("requests_waiting"), "nobody waits")
        held = monotonic()
        hold_breakers({"alpha": Hold("vacuum", datetime.now(UTC))})
        waiting.join()
        ((at, cause),) = ended
        assert isinstance(cause, ShardAway)
        assert at - held < SLACK_S
    forget_connections()


def test_the_owners_work_goes_on_while_a_shard_is_held(grounds):
    with breakers_on():
        hold_breakers({"beta": Hold("vacuum", datetime.now(UTC))})
        with session_bound(grounds.c), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
