"""Statements are counted as they go out: one message, one count."""

from statistics import mode

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import User
from sharding.pools.errors import ShardAway
from sharding.pools.meters import read_meters
from tests.fixtures.waiting import wait_for


@pytest.fixture
def counted(dock):
    """How many messages to alpha a piece of work takes."""

    def messages(work):
        with dock.scope():
            User.objects.count()  # the connection is open, and knows its session
            before = read_meters()["alpha"]
            work()
            after = read_meters()["alpha"]
        assert after.seconds > before.seconds or after == before
        return after.messages - before.messages

    # Waits for nothing are told by how short they are. A busy machine can make one of them long,
    # and it can keep this thread from beginning to wait until the answer is there: then one is
    # missing. Either is rare, so what is counted most often is right, in a moment of calm.
    return lambda work: mode(messages(work) for _ in range(15))


def three_in_a_transaction():
    with transaction.atomic():
        User.objects.count()
        User.objects.count()
        User.objects.count()


def a_savepoint():
    with transaction.atomic():
        with transaction.atomic():
            User.objects.count()


@pytest.mark.parametrize(
    ("work", "messages"),
    [
        (lambda: None, 0),
        (User.objects.count, 1),
        (lambda: [User.objects.count() for _ in range(20)], 20),
        # BEGIN rides with the first, COMMIT goes by itself.
        (three_in_a_transaction, 4),
        # SAVEPOINT, which BEGIN rides with, SELECT, RELEASE, COMMIT.
        (a_savepoint, 4),
    ],
    ids=["nothing", "one", "twenty", "three in a transaction", "a savepoint"],
)
def test_messages_are_counted_one_by_one(counted, work, messages):
    wait_for(lambda: counted(work) == messages, f"{messages} messages are counted otherwise")


def test_a_wait_that_is_given_up_is_told_apart(dock, stack_ready):
    with dock.scope():
        User.objects.count()
        before = read_meters()["alpha"]
        stack_ready.sigstop("alpha")
        try:
            connection.connection.cap = 0.5
            with pytest.raises(OperationalError) as failed:
                User.objects.count()
            assert isinstance(failed.value.__cause__, ShardAway)
        finally:
            stack_ready.sigcont("alpha")
            connection.close()
        after = read_meters()["alpha"]
    assert after.given_up == before.given_up + 1
    assert after.seconds - before.seconds > 0.3
