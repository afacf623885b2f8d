"""What happened to a ticket: what was said, what was attached, what was changed. Reads only."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from workspace.models import Attachment, Comment, Ticket, TicketChange


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did at one moment: a comment, files, or changes of fields."""

    at: datetime
    by: User
    comment: Comment | None = None
    attachments: tuple[Attachment, ...] = ()
    changes: tuple[TicketChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """All entries of a ticket, the oldest first."""

    entries: tuple[Entry, ...]

    @property
    def comments(self) -> int:
        """How many of them are comments."""
        return sum(entry.comment is not None for entry in self.entries)


def conversation(ticket: Ticket) -> Conversation:
    """The conversation of `ticket`, in three queries however long it is."""
    files: dict[int | None, list[Attachment]] = defaultdict(list)
    for attachment in ticket.attachments.select_related("uploaded_by"):
        files[attachment.comment_id].append(attachment)
    entries = [
        Entry(
            comment.written_at,
            comment.author,
            comment=comment,
            attachments=tuple(files[comment.pk]),
        )
        for comment in ticket.comments.select_related("author")
    ]
    entries += [
        Entry(attachment.uploaded_at, attachment.uploaded_by, attachments=(attachment,))
        for attachment in files[None]
    ]
    together: dict[int, list[TicketChange]] = defaultdict(list)
    for change in ticket.changes.select_related("by"):
        together[change.version].append(change)
    entries += [
        Entry(changes[0].at, changes[0].by, changes=tuple(changes)) for changes in together.values()
    ]
    return Conversation(tuple(sorted(entries, key=lambda entry: entry.at)))
