"""What happened to a ticket: what was said, what was attached, what was changed. Reads only."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import User
from workspace.models import Attachment, Comment, Ticket, TicketChange
from workspace.services.tickets import CHANGEABLE

NEWEST_ENTRIES: Final = 200


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
    """Entries of a ticket, the oldest first.

    Attributes:
        has_older: there are others before them.
    """

    entries: tuple[Entry, ...]
    has_older: bool = False

    @property
    def comments(self) -> int:
        """How many of them are comments."""
        return sum(entry.comment is not None for entry in self.entries)


def conversation(ticket: Ticket, *, most: int | None = NEWEST_ENTRIES) -> Conversation:
    """The newest `most` entries of `ticket`, None for all, in three queries however many."""
    # One more tells whether there are older ones; files are few on any ticket.
    looked_at = None if most is None else most + 1
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
        for comment in ticket.comments.select_related("author").order_by("-id")[:looked_at]
    ]
    entries += [
        Entry(attachment.uploaded_at, attachment.uploaded_by, attachments=(attachment,))
        for attachment in files[None]
    ]
    together: dict[int, list[TicketChange]] = defaultdict(list)
    # One entry holds a change of each field at most.
    rows = looked_at and looked_at * len(CHANGEABLE)
    for change in reversed(ticket.changes.select_related("by").order_by("-id")[:rows]):
        together[change.version].append(change)
    entries += [
        Entry(changes[0].at, changes[0].by, changes=tuple(changes)) for changes in together.values()
    ]
    entries.sort(key=lambda entry: entry.at)
    shown = entries if most is None else entries[-most:]
    return Conversation(tuple(shown), has_older=len(shown) < len(entries))
