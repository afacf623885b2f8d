"""Tickets, their comments, and exports of them."""

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse


class Ticket(models.Model):
    """Something that somebody asked for."""

    class State(models.TextChoices):
        """Where a ticket stands."""

        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    title = models.CharField(max_length=200)
    body = models.TextField("What is it about?", blank=True, max_length=20_000)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-id"], name="ticket_by_state")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        """The ticket's page."""
        return reverse("workspace:ticket", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state == self.State.OPEN


class Comment(models.Model):
    """What somebody said about a ticket."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField("Comment", max_length=20_000)
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk} on ticket {self.ticket_id}"


class Export(models.Model):
    """All tickets as a CSV file, written by a task. Waiting until `file` is there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    file = models.FileField(upload_to="exports/", blank=True)
    row_count = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"export {self.pk}"
