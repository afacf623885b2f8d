"""Opening, discussing and closing tickets."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from workspace.models import Comment, Ticket
from workspace.services.counts import forget_counts


def open_ticket(ticket: Ticket, *, by: User) -> Ticket:
    """Save a new ticket as opened by `by`.

    Transaction: opens its own or joins the caller's.
    """
    with transaction.atomic():
        ticket.opened_by = by
        ticket.save()
        transaction.on_commit(forget_counts)
    return ticket


def comment_on(ticket: Ticket, comment: Comment, *, by: User) -> Comment:
    """Save a new comment on `ticket`, open or closed."""
    comment.ticket = ticket
    comment.author = by
    comment.save()
    return comment


def close_ticket(ticket: Ticket, *, by: User) -> bool:
    """Close `ticket`; False when it was closed already, and then nothing changes.

    Transaction: opens its own or joins the caller's.
    Idempotent: the first one to close it stays on record, also when two do so at once.
    """
    with transaction.atomic():
        closed = Ticket.objects.filter(pk=ticket.pk, state=Ticket.State.OPEN).update(
            state=Ticket.State.CLOSED, closed_by=by, closed_at=timezone.now()
        )
        transaction.on_commit(forget_counts)
    return bool(closed)
