"""Makes the demo's tenants where they are missing: `python -m devstack.demo.seed`.

A process of its own, with the settings of the running demo, so that tenants are made in exactly
the way in which an operator makes them. Reads `[{slug, name, shard, email, password}, …]` from its
input.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import django

from devstack.demo.help_desk import ADMIN, PEOPLE, STORIES, ZONES, Story

if TYPE_CHECKING:
    from accounts.models import User
    from workspace.content_types import Upload
    from workspace.models import Ticket


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tenant that shall be there, and the password that its people shall have."""

    slug: str
    name: str
    shard: str
    email: str
    password: str


def main() -> None:
    """Provision what is missing, set the passwords, and fill a help desk that is empty."""
    django.setup()
    for each in json.load(sys.stdin):
        _seed(Wanted(**each))


def _seed(wanted: Wanted) -> None:
    from django.utils import timezone

    from sharding import scope
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest
    from workspace.models import Ticket
    from workspace.services.preferences import choose_time_zone

    # Idempotent: it finishes what an interrupted start left half made.
    receipt = provision_tenant(
        ProvisionRequest(
            slug=wanted.slug,
            name=wanted.name,
            shard=wanted.shard,
            admin_email=wanted.email,
            admin_password=wanted.password,
        )
    )
    with scope.enter(receipt.placement):
        admin, people = _people(wanted)
        if Ticket.objects.exists():
            return
        if wanted.slug in ZONES:
            choose_time_zone(ZONES[wanted.slug])
        now = timezone.now()
        # The oldest first: numbers of tickets grow with time.
        with _nobody_is_told():
            for story in sorted(STORIES, key=lambda story: -story.days):
                _tell(story, now, admin, people)


@contextmanager
def _nobody_is_told() -> Iterator[None]:
    """What is made up here has happened long ago: no mail about it."""
    from accounts.models import User

    User.objects.update(wants_mail=False)
    try:
        yield
    finally:
        User.objects.update(wants_mail=True)


def _people(wanted: Wanted) -> tuple["User", list["User"]]:
    from django.contrib.auth.hashers import make_password

    from accounts.models import User

    admin = User.objects.get(email=wanted.email)
    admin.name = admin.name or ADMIN
    everybody = [admin]
    for mailbox, name, role in PEOPLE:
        user, _ = User.objects.get_or_create(
            email=f"{mailbox}@{wanted.slug}.example", defaults={"name": name, "role": role}
        )
        everybody.append(user)
    # One hash for all of them, as they have one password: each takes most of a second.
    password = make_password(wanted.password)
    for user in everybody:
        user.password = password
        user.save(update_fields=["name", "password"])
    return admin, [*everybody[1:], admin]


def _tell(story: Story, now: datetime, admin: "User", people: list["User"]) -> None:
    """Let `story` happen, through the services, and then put it where it belongs in time."""
    from workspace.models import Comment, Ticket
    from workspace.services.attachments import attach_all
    from workspace.services.tickets import open_ticket, update_ticket

    began = now - timedelta(days=story.days)
    agent = people[story.assignee or 0]
    opened = Ticket(title=story.title, body=story.body, opened_at=began)
    ticket = open_ticket(opened, by=admin if story.days < 1 else people[int(story.days) % 2])
    wanted = {"priority": story.priority}
    if story.assignee is not None:
        update_ticket(ticket, {**wanted, "assignee": agent}, by=admin)
    else:
        update_ticket(ticket, wanted, by=admin)
    for turn, text in enumerate(story.said):
        files = [_upload(*story.file)] if story.file and turn == 0 else []
        attach_all(ticket, files, by=admin if turn % 2 else agent, comment=Comment(text=text))
    update_ticket(ticket, {"status": story.end}, by=agent)
    _place_in_time(ticket, began, now)


def _upload(name: str, text: str) -> "Upload":
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, text.encode())


def _place_in_time(ticket: "Ticket", began: datetime, now: datetime) -> None:
    """Spread what happened to `ticket` over a day after `began`, in the order in which it did."""
    from workspace.models import Ticket

    step = min(timedelta(hours=5), (now - began) / 8)
    last = began
    for change in ticket.changes.exclude(field="status"):
        ticket.changes.filter(pk=change.pk).update(at=began + step / 4)
        last = began + step / 4
    for number, comment in enumerate(ticket.comments.all(), 1):
        last = began + step * number
        ticket.comments.filter(pk=comment.pk).update(written_at=last)
    if ticket.changes.filter(field="status").exists():
        last += step
        ticket.changes.filter(field="status").update(at=last)
    Ticket.objects.filter(pk=ticket.pk).update(
        updated_at=last, closed_at=last if ticket.closed_at else None
    )


if __name__ == "__main__":
    main()
