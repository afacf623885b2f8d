"""What the outbox refuses.

OutboxError
├── UnknownTopic
├── TopicTaken
└── NoTransaction
"""

from collections.abc import Collection
from typing import ClassVar


class OutboxError(Exception):
    """Something about the outbox is not as it must be."""

    code: ClassVar[str] = "outbox"
    retryable: ClassVar[bool] = False


class UnknownTopic(OutboxError):
    """Nobody handles messages of this topic."""

    code = "outbox.unknown_topic"

    def __init__(self, topic: str, *, known: Collection[str]) -> None:
        self.topic = topic
        super().__init__(
            f"Nobody handles the topic {topic!r}; there are {', '.join(sorted(known)) or 'none'}. "
            "Call register_topic(topic, handler) in the ready() of the app that handles it."
        )


class TopicTaken(OutboxError):
    """A topic has one handler."""

    code = "outbox.topic_taken"

    def __init__(self, topic: str, handler: str) -> None:
        self.topic = topic
        super().__init__(
            f"{handler} handles the topic {topic!r} already. Take another name, or let that "
            "handler call both."
        )


class NoTransaction(OutboxError):
    """A message was to be published outside a transaction."""

    code = "outbox.no_transaction"

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(
            f"publish({topic!r}, …) stands outside a transaction, so the message could be lost "
            "though the change that it tells of is kept, or the other way round. Put both into "
            "one `with transaction.atomic():`."
        )
