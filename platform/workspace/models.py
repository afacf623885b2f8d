"""Tickets and what belongs to them, files that go in and out, and a workspace's settings."""

import uuid
from typing import Final

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from tenants.catalog.models import Country

SEARCH_CONFIG: Final = "english"


class Ticket(models.Model):
    """Something that somebody asked for.

    `version` grows by one with each change of a field, so that two people who change one ticket at
    once are told apart; `updated_at` moves with comments and attachments too.
    """

    class Status(models.TextChoices):
        """Where a ticket stands. The first two are unsolved: there is something to do."""

        OPEN = "open", "Open"
        PENDING = "pending", "Pending"
        SOLVED = "solved", "Solved"
        CLOSED = "closed", "Closed"

    class Priority(models.TextChoices):
        """How soon it should be looked at."""

        LOW = "low", "Low"
        NORMAL = "normal", "Normal"
        HIGH = "high", "High"
        URGENT = "urgent", "Urgent"

    UNSOLVED: Final = (Status.OPEN, Status.PENDING)

    title = models.CharField(max_length=200)
    body = models.TextField("What is it about?", blank=True, max_length=20_000)
    status = models.CharField(max_length=7, choices=Status, default=Status.OPEN)
    priority = models.CharField(max_length=6, choices=Priority, default=Priority.NORMAL)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        # `ticket_by_assignee` serves it.
        db_index=False,
    )
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    # Who solved or closed it, and when: the first of the two.
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    search = models.GeneratedField(
        expression=(
            SearchVector("title", weight="A", config=SEARCH_CONFIG)
            + SearchVector("body", weight="B", config=SEARCH_CONFIG)
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "-id"], name="ticket_by_status"),
            models.Index(fields=["priority", "-id"], name="ticket_by_priority"),
            models.Index(fields=["assignee", "-id"], name="ticket_by_assignee"),
            models.Index(fields=["-updated_at", "-id"], name="ticket_by_update"),
            # What the list shows first; a list of two statuses cannot walk `ticket_by_status`.
            models.Index(
                fields=["-id"],
                name="ticket_unsolved",
                condition=models.Q(status__in=["open", "pending"]),
            ),
            # How many were solved on which day.
            models.Index(fields=["closed_at"], name="ticket_by_closing"),
            models.Index(fields=["opened_at"], name="ticket_by_opening"),
            # Without the pending list: a search would walk what was written since the last vacuum.
            GinIndex(fields=["search"], name="ticket_search", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        """The ticket's page."""
        return reverse("workspace:ticket", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.status in self.UNSOLVED


class Comment(models.Model):
    """What somebody said about a ticket."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField("Comment", max_length=20_000)
    written_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk} on ticket {self.ticket_id}"


class TicketChange(models.Model):
    """One field of a ticket that somebody changed: the trail. Values as people read them."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)
    # The ticket's version that this change led to.
    version = models.PositiveIntegerField()
    field = models.CharField(max_length=20)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.field} of ticket {self.ticket_id}: {self.before!r} to {self.after!r}"


def attachment_path(attachment: "Attachment", name: str) -> str:
    """Where an attachment's bytes are kept: by its own id, whatever its sender called it."""
    return f"attachments/{attachment.pk}"


class Attachment(models.Model):
    """A file that somebody added to a ticket. Its type is what its content is, not its name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="attachments")
    comment = models.ForeignKey(
        Comment, models.CASCADE, null=True, blank=True, related_name="attachments"
    )
    file = models.FileField(upload_to=attachment_path)
    name = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["uploaded_at"]

    def __str__(self) -> str:
        return f"{self.name} on ticket {self.ticket_id}"

    def get_absolute_url(self) -> str:
        """Where members get it."""
        return reverse("workspace:attachment", args=[self.pk])

    @property
    def is_picture(self) -> bool:
        """Whether a browser may show it in a page."""
        return self.content_type.startswith("image/")


def logo_path(chosen: "WorkspaceSettings", name: str) -> str:
    """Where a logo is kept: each new one under a new name, so that browsers may keep it."""
    return f"logos/{uuid.uuid4()}"


class WorkspaceSettings(models.Model):
    """What a workspace's admins chose for it. At most one row; no row means all defaults.

    The workspace's name is not here: it is the tenant's, in control.
    """

    ONLY: Final = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    logo = models.FileField(upload_to=logo_path, blank=True)
    logo_type = models.CharField(max_length=100, blank=True, editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    # A reference table: control's rows, copied to every shard.
    country = models.ForeignKey(Country, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name_plural = "workspace settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_settings"),
        ]

    def __str__(self) -> str:
        return "settings of this workspace"


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


class Import(models.Model):
    """Tickets that a task reads from a CSV file. `beat_at` is when its worker last gave a sign."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    file = models.FileField(upload_to="imports/", blank=True)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    total_rows = models.PositiveIntegerField(null=True)
    done_rows = models.PositiveIntegerField(default=0)
    failed_rows = models.PositiveIntegerField(default=0)
    # The first rows that could not be taken: [{"row": 3, "why": "…"}, …].
    errors = models.JSONField(default=list, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"import {self.pk}"


class Receipt(models.Model):
    """A program's wish was fulfilled: its name for it, what it asked for, and what was made."""

    id = models.CharField(primary_key=True, max_length=64, editable=False)
    digest = models.CharField(max_length=64)
    made = models.BigIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["made_at"], name="receipt_by_age")]

    def __str__(self) -> str:
        return f"receipt {self.pk}"
