"""Messages that wait, and those that were given up. What is delivered is deleted."""

from django.db import models
from django.db.models.functions import Now


class Message(models.Model):
    """One message; within a topic they are delivered by id.

    Attributes:
        tries: deliveries begun and failed so far.
        next_try_at: not before; while the first message of a topic waits, those after it do.
        last_error: of the newest try that failed.
    """

    topic = models.CharField(max_length=60)
    payload = models.JSONField()
    published_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    last_error = models.TextField(default="", blank=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["topic", "id"], name="outbox_message_in_order")]

    def __str__(self) -> str:
        return f"{self.topic} {self.pk}"


class ParkedMessage(models.Model):
    """A message that failed too often. It keeps its id, and so its place when it is retried.

    In a table of its own: whoever looks for work does not pass by it again and again.
    """

    id = models.BigIntegerField(primary_key=True)
    topic = models.CharField(max_length=60)
    payload = models.JSONField()
    published_at = models.DateTimeField()
    tries = models.PositiveIntegerField()
    last_error = models.TextField()
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox_parked"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.topic} {self.pk}"
