"""What is exported can be imported again, and is the same."""

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from workspace.models import Export, Import, Ticket
from workspace.services.exports import write_export
from workspace.services.imports import work_on
from workspace.services.imports_file import count_rows

FIELDS = ("title", "body", "status", "priority", "opened_at", "closed_at")
PEOPLE = ("assignee", "opened_by", "closed_by")
LEFT_BEHIND = {"id", "updated_at", "version", "search"}
"""Numbers and the index of words are made anew; what was imported has not changed since."""
TEXTS = ("=1+1", "'=1+1", "+49 30", "a, b; c\td", 'says "so"', "it's", "ünïcödé 🏝", "-")


@pytest.fixture
def colleagues(tern, ember):
    for tenant in (tern, ember):
        with tenant.scope():
            for name in ("ann", "bob"):
                User.objects.get_or_create(email=f"{name}@everywhere.example")


@pytest.fixture
def tickets(tern, colleagues):
    now = timezone.now()
    with tern.scope():
        Ticket.objects.all().delete()
        ann, bob = User.objects.filter(email__endswith="@everywhere.example").order_by("email")
        for number, text in enumerate(TEXTS):
            closed = number % 2 == 1
            Ticket.objects.create(
                title=text,
                body=f"{text}\nnext line\r\n{text}",
                status=["open", "closed", "pending", "solved"][number % 4],
                priority=["low", "normal", "high", "urgent"][number % 4],
                assignee=[None, ann, bob][number % 3],
                opened_by=ann,
                opened_at=now - timedelta(days=number, microseconds=number),
                closed_by=bob if closed else None,
                closed_at=now - timedelta(minutes=number) if closed else None,
            )


def seen():
    found = Ticket.objects.order_by("title").select_related(*PEOPLE)
    return [
        [getattr(ticket, name) for name in FIELDS]
        + [getattr(getattr(ticket, name), "email", None) for name in PEOPLE]
        for ticket in found
    ]


def test_every_field_of_a_ticket_goes_the_round_or_is_known_to_stay_behind():
    here = {field.name for field in Ticket._meta.concrete_fields}
    assert here == {*FIELDS, *PEOPLE, *LEFT_BEHIND}


def test_an_export_of_one_tenant_imported_in_another_gives_the_same_tickets(tern, ember, tickets):
    with tern.scope():
        before = seen()
        export = Export.objects.create(requested_by=User.objects.get(email=tern.email))
        write_export(export.pk)
        export.refresh_from_db()
        content = export.file.open("rb").read()
        export.file.close()
    with ember.scope():
        Ticket.objects.all().delete()
        job = Import(
            requested_by=User.objects.get(email=ember.email),
            total_rows=count_rows(io.BytesIO(content)),
        )
        job.file.save("again.csv", SimpleUploadedFile("again.csv", content))
        job.save()
        work_on(job.pk, turn=timedelta(minutes=1))
        job.refresh_from_db()
        assert (job.state, job.errors) == ("done", [])
        assert seen() == before
        assert len(before) == len(TEXTS)
        Ticket.objects.all().delete()
    with tern.scope():
        Ticket.objects.all().delete()
