"""Opening, changing, discussing and closing tickets."""

from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from workspace.errors import NotAssignable, TicketChangedMeanwhile
from workspace.models import Comment, Ticket, TicketChange
from workspace.services.counts import forget_counts
from workspace.services.notices import tell_assignee, tell_involved

CHANGEABLE: Final = ("title", "body", "status", "priority", "assignee")


def open_ticket(ticket: Ticket, *, by: User) -> Ticket:
    """Save a new ticket as opened by `by`. One that begins solved or closed is so by the same.

    Whoever it is assigned to is told by mail.

    Transaction: opens its own or joins the caller's.

    Raises:
        NotAssignable: nothing was saved.
    """
    _check_assignee(ticket.assignee)
    ticket.opened_by = by
    if not ticket.is_open:
        ticket.closed_by = by
        ticket.closed_at = ticket.closed_at or timezone.now()
    with transaction.atomic():
        ticket.save()
        tell_assignee(ticket, by=by)
        transaction.on_commit(forget_counts)
    return ticket


def comment_on(ticket: Ticket, comment: Comment, *, by: User) -> Comment:
    """Save a new comment on `ticket`, whatever its status; those involved are told by mail.

    Transaction: opens its own or joins the caller's.
    """
    comment.ticket = ticket
    comment.author = by
    with transaction.atomic():
        comment.save()
        tell_involved(ticket, comment, by=by)
        touch(ticket)
    return comment


def update_ticket(
    ticket: Ticket, changes: Mapping[str, object], *, by: User, seen: int | None = None
) -> list[TicketChange]:
    """Change fields of a ticket (see `CHANGEABLE`), note each in its trail, and return the notes.

    A new assignee is told by mail.

    `changes` holds only what this person wants different; what others change in other fields
    stays. `seen` is the version that this person looked at: when somebody else has changed one of
    the same fields since, nothing is changed. Without `seen` the last one to ask wins.

    `ticket` is what the database then holds.

    Locks: the ticket's row.
    Transaction: opens its own or joins the caller's.
    Idempotent: a field that has the value already is not changed, nor noted.

    Raises:
        Ticket.DoesNotExist: it was deleted.
        TicketChangedMeanwhile, NotAssignable: nothing was changed.
        ValueError: a field that cannot be changed here.
    """
    if unknown := changes.keys() - set(CHANGEABLE):
        raise ValueError(f"These are no fields that one can change: {', '.join(sorted(unknown))}.")
    with transaction.atomic():
        # The assignee rides along by an outer join, which cannot be locked.
        query = Ticket.objects.select_related("assignee").select_for_update(of=("self",))
        current = query.get(pk=ticket.pk)
        wanted = {
            name: changes[name]
            for name in CHANGEABLE
            if name in changes and changes[name] != getattr(current, name)
        }
        if seen is not None and seen != current.version:
            _refuse_to_undo(current, wanted, seen)
        notes = _apply(current, wanted, by)
        _show(ticket, current)
    return notes


def close_ticket(ticket: Ticket, *, by: User) -> bool:
    """Close `ticket`; False when it was closed already, and then nothing changes.

    Transaction: opens its own or joins the caller's.
    Idempotent: the first one to solve or close it stays on record, also when two do so at once.
    """
    return bool(update_ticket(ticket, {"status": Ticket.Status.CLOSED}, by=by))


def delete_ticket(ticket: Ticket) -> None:
    """Delete `ticket` with its comments, files and trail. There is no way back.

    Transaction: opens its own or joins the caller's; files go once it is committed.
    """
    with transaction.atomic():
        ticket.delete()
        transaction.on_commit(forget_counts)


def touch(ticket: Ticket) -> None:
    """Move `ticket` to the top of what has changed lately."""
    ticket.updated_at = timezone.now()
    Ticket.objects.filter(pk=ticket.pk).update(updated_at=ticket.updated_at)


def _refuse_to_undo(current: Ticket, wanted: Mapping[str, object], seen: int) -> None:
    since = current.changes.filter(version__gt=seen, field__in=wanted).select_related("by")
    if clashing := list(since):
        raise TicketChangedMeanwhile(clashing)


def _apply(ticket: Ticket, wanted: Mapping[str, object], by: User) -> list[TicketChange]:
    if not wanted:
        return []
    was_open, now = ticket.is_open, timezone.now()
    notes = []
    for name, value in wanted.items():
        before = _as_read(ticket, name)
        setattr(ticket, name, value)
        notes.append(
            TicketChange(
                ticket=ticket,
                by=by,
                at=now,
                version=ticket.version + 1,
                field=name,
                before=before,
                after=_as_read(ticket, name),
            )
        )
    if "assignee" in wanted:
        _check_assignee(ticket.assignee)
    if was_open and not ticket.is_open:
        ticket.closed_by, ticket.closed_at = by, now
    elif ticket.is_open:
        ticket.closed_by = ticket.closed_at = None
    ticket.version += 1
    ticket.updated_at = now
    ticket.save(update_fields=[*wanted, "closed_by", "closed_at", "version", "updated_at"])
    TicketChange.objects.bulk_create(notes)
    if "assignee" in wanted:
        tell_assignee(ticket, by=by)
    transaction.on_commit(forget_counts)
    return notes


def _as_read(ticket: Ticket, name: str) -> str:
    """The field's value for the trail. A body is too long for it: that it changed must do."""
    match name:
        case "body":
            return ""
        case "assignee":
            return str(ticket.assignee or "")
        case "title":
            return ticket.title
        case _:
            return str(getattr(ticket, f"get_{name}_display")())


def _check_assignee(member: User | None) -> None:
    if member is not None and not (member.is_active and member.may_write):
        raise NotAssignable(member)


def _show(ticket: Ticket, current: Ticket) -> None:
    for name in (*CHANGEABLE, "closed_by", "closed_at", "version", "updated_at"):
        setattr(ticket, name, getattr(current, name))
