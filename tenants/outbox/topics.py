"""Who handles which topic in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tenants.outbox.errors import TopicTaken, UnknownTopic
from tenants.outbox.models import Message

Handler = Callable[[Message], object]
"""Delivers one message, in its tenant's scope and outside any transaction.

It returns when the message is delivered and raises when it is not. It may be called again for a
message that it has delivered (`message.pk` says which one it is), so it should do no harm twice.
"""


@dataclass(frozen=True, slots=True)
class Retries:
    """What becomes of a message that cannot be delivered.

    Attributes:
        tries: after so many it is parked, for a person to look at.
        first_pause: before the second try; each pause is twice the one before.
        longest_pause: no pause is longer.
    """

    tries: int = 16
    first_pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(hours=1)

    def pause_after(self, tries: int) -> timedelta:
        """How long to wait after `tries` failures (at least one)."""
        doublings = min(tries - 1, 30)
        return min(self.first_pause * (1 << doublings), self.longest_pause)


DEFAULT_RETRIES: Final = Retries()
"""Six and a half hours: a mail server's bad morning."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and who handles it."""

    name: str
    handler: Handler
    retries: Retries


_topics: dict[str, Topic] = {}


def register_topic(name: str, handler: Handler, *, retries: Retries = DEFAULT_RETRIES) -> None:
    """Let `handler` deliver the messages of topic `name`; called in AppConfig.ready().

    Idempotent: for the same handler.

    Raises:
        TopicTaken: another handler has the topic.
    """
    there = _topics.get(name)
    if there is not None and there.handler is not handler:
        raise TopicTaken(name, f"{there.handler.__module__}.{there.handler.__qualname__}")
    _topics[name] = Topic(name, handler, retries)


def forget_topic(name: str) -> None:
    """Let nobody handle `name`; for tests that registered it."""
    _topics.pop(name, None)


def find_topic(name: str) -> Topic:
    """The topic of this name.

    Raises:
        UnknownTopic: nobody handles it in this process.
    """
    try:
        return _topics[name]
    except KeyError:
        raise UnknownTopic(name, known=_topics.keys()) from None


def retries_of(name: str) -> Retries:
    """What is to be done about failures of this topic, also if nobody handles it (yet)."""
    there = _topics.get(name)
    return there.retries if there is not None else DEFAULT_RETRIES
