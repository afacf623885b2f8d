"""Telling members by mail what concerns them: a ticket that they got, a comment on one of theirs.

Nobody is told of what they did themselves. Who has left, or wants no mail, is looked at twice: when
the mail is asked for, and when it is sent.
"""

from typing import Final

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from accounts.models import User
from tenants.links import tenant_url
from tenants.mail import LateLink, queue_mail
from workspace.models import Comment, Ticket

LINK_KIND: Final = "ticket"
MOST_OF_A_COMMENT: Final = 500
"""Characters; the rest is read where the link leads."""


def tell_assignee(ticket: Ticket, *, by: User) -> None:
    """Tell whoever has got `ticket`, unless they took it themselves.

    Transaction: needs one; rolled back, nobody is told.
    """
    member = ticket.assignee
    if member is not None and member != by and _wants_mail(member):
        _queue("workspace/assigned", ticket, member, by, priority=ticket.get_priority_display())


def tell_involved(ticket: Ticket, comment: Comment, *, by: User) -> None:
    """Tell those who opened `ticket`, work on it or have commented on it of a new `comment`.

    Transaction: needs one; rolled back, nobody is told.
    """
    said = Comment.objects.filter(ticket=ticket).order_by().values("author")
    involved = User.objects.filter(
        Q(pk__in=[ticket.opened_by_id, ticket.assignee_id]) | Q(pk__in=said),
        is_active=True,
        wants_mail=True,
    ).exclude(pk=by.pk)
    text = comment.text
    shown = text if len(text) <= MOST_OF_A_COMMENT else f"{text[:MOST_OF_A_COMMENT]}…"
    for member in involved:
        _queue("workspace/commented", ticket, member, by, text=shown)


def make_ticket_link(subject: str) -> str | None:
    """The link for a mail; None when the ticket is gone, or the member is or wants no mail now."""
    ticket, _, member = subject.partition(" ")
    if not Ticket.objects.filter(pk=ticket).exists():
        return None
    if not User.objects.filter(pk=member, is_active=True, wants_mail=True).exists():
        return None
    path = reverse("workspace:ticket", urlconf=settings.ROOT_URLCONF, args=[ticket])
    return tenant_url(path)


def _wants_mail(member: User) -> bool:
    # As the database has it: what the caller holds may have been read a while ago.
    return User.objects.filter(pk=member.pk, is_active=True, wants_mail=True).exists()


def _queue(template: str, ticket: Ticket, member: User, by: User, **more: str) -> None:
    queue_mail(
        template,
        to=member.email,
        context={"number": ticket.pk, "title": ticket.title, "by": str(by), **more},
        link=LateLink(LINK_KIND, f"{ticket.pk} {member.pk}"),
    )
