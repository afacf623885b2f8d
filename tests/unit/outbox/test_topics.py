"""Topics have one handler each; pauses double and have an end."""

from datetime import timedelta

import pytest

from tenants.outbox import topics
from tenants.outbox.errors import TopicTaken, UnknownTopic
from tenants.outbox.topics import DEFAULT_RETRIES, Retries, find_topic, register_topic, retries_of


@pytest.fixture
def name():
    yield "a-topic-of-tests"
    topics.forget_topic("a-topic-of-tests")


def handle(message):
    """Deliver nothing."""


def other(message):
    """Deliver nothing either."""


def test_a_topic_has_one_handler_which_may_be_registered_again(name):
    register_topic(name, handle)
    register_topic(name, handle, retries=Retries(tries=2))
    assert (find_topic(name).handler, retries_of(name).tries) == (handle, 2)
    with pytest.raises(TopicTaken, match=r"test_topics\.handle handles the topic"):
        register_topic(name, other)
    assert find_topic(name).handler is handle


def test_a_topic_that_nobody_handles_is_refused_and_retried_as_by_default(name):
    with pytest.raises(UnknownTopic, match="register_topic"):
        find_topic(name)
    assert retries_of(name) is DEFAULT_RETRIES


def test_the_product_has_a_handler_for_what_it_publishes():
    assert find_topic("mail").handler
    assert find_topic("member-address").handler


def test_the_pauses_double_and_have_an_end():
    pauses = [DEFAULT_RETRIES.pause_after(n) for n in range(1, DEFAULT_RETRIES.tries)]
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert pauses[-1] == timedelta(hours=1)
    assert timedelta(hours=6) < sum(pauses, timedelta()) < timedelta(hours=7)
    assert Retries().pause_after(10_000) == timedelta(hours=1)
