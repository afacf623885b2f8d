"""No page asks a query per row: zeal listens while every page is shown with several of each."""

import datetime as dt
import uuid
from dataclasses import dataclass

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from zeal import NPlusOneError, zeal_context

from accounts.models import Invitation, User
from accounts.services.api_tokens import issue_token
from tests.integration.product.test_permissions import PUBLIC, VALUES, views
from workspace.models import Attachment, Comment, Export, Import, Ticket

ROWS = 3
"""zeal complains from the second query of the same place on."""


@dataclass(frozen=True)
class Rows:
    """What there is several of: one to ask for by its number, others by view, and a token."""

    ticket: Ticket
    by_view: dict[str, uuid.UUID]
    token: str


@pytest.fixture
def busy(acme):
    """acme with several rows of whatever a page can list, each by somebody else."""
    with acme.scope():
        people = [
            User.objects.get_or_create(
                email=f"row{number}@rows.example", defaults={"role": User.Role.AGENT}
            )[0]
            for number in range(ROWS)
        ]
        tickets = [
            Ticket.objects.create(title=f"Row {n}", opened_by=who, assignee=who, closed_by=who)
            for n, who in enumerate(people)
        ]
        for who in people:
            comment = Comment.objects.create(ticket=tickets[0], author=who, text="x")
            for about in (None, comment):
                attachment = Attachment.objects.create(
                    ticket=tickets[0],
                    comment=about,
                    file=ContentFile(b"x", name="a.txt"),
                    name="a.txt",
                    content_type="text/plain",
                    size=1,
                    uploaded_by=who,
                )
            export = Export.objects.create(
                requested_by=who, file=ContentFile(b"x", name="a.csv"), row_count=1
            )
            Export.objects.create(requested_by=who)
            brought = Import.objects.create(
                requested_by=who, file=ContentFile(b"x", name="a.csv"), total_rows=1
            )
            Invitation.objects.create(
                email=f"invited-by-{who.email}",
                role=User.Role.VIEWER,
                token_hash=str(who.pk),
                invited_by=who,
                invited_at=timezone.now(),
                expires_at=timezone.now() + dt.timedelta(days=1),
            )
        admin = User.objects.get(email=acme.email)
        tokens = [issue_token(admin, name=f"row {n}", expires=None)[1] for n in range(ROWS)]
    pages = {
        "workspace:attachment": attachment.pk,
        "workspace:export_file": export.pk,
        "workspace:import": brought.pk,
    }
    yield Rows(tickets[0], pages, tokens[0])
    with acme.scope():
        Invitation.objects.all().delete()
        Import.objects.all().delete()
        Export.objects.all().delete()
        Ticket.objects.filter(title__startswith="Row ").delete()


def test_no_page_and_no_answer_to_programs_asks_a_query_per_row(acme, busy):
    member = acme.member()
    unseen = {}
    for view in views():
        if view.name in PUBLIC or view.needed_for("GET") is None:
            continue
        path = view.path.replace(str(VALUES["IntConverter"]), str(busy.ticket.pk))
        if view.name in busy.by_view:
            path = path.replace(str(VALUES["UUIDConverter"]), str(busy.by_view[view.name]))
        headers = {"authorization": f"Bearer {busy.token}"} if view.is_api else {}
        with zeal_context():
            answer = member.get(path, headers=headers)
            answer.getvalue()
        answer.close()
        if answer.status_code not in (200, 405):
            unseen[view.name] = answer.status_code
    assert not unseen, "each page must have shown something"


def test_the_detector_detects(acme, busy):
    """The negative control: a loop that asks for each row's person."""
    with acme.scope(), zeal_context(), pytest.raises(NPlusOneError):
        for ticket in Ticket.objects.filter(title__startswith="Row "):
            str(ticket.opened_by)


def test_a_record_that_is_fetched_once_is_no_alarm(acme, busy):
    """Apps that are made ready twice in a process hear everything twice."""
    with acme.scope(), zeal_context():
        assert Ticket.objects.get(pk=busy.ticket.pk) == busy.ticket
