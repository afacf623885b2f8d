"""A request that uploads too much ends before it fills a disk."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from accounts.models import User
from config import uploads
from workspace.models import Ticket
from workspace.services.tickets import open_ticket


@pytest.fixture
def address(acme):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Flood"), by=User.objects.get(email=acme.email))
    return ticket.get_absolute_url()


def flood():
    return {"text": "x", "uploads": [SimpleUploadedFile(f"{n}.txt", b"x" * 4000) for n in range(5)]}


def test_more_than_is_taken_is_refused_with_a_page_and_nothing_is_written(
    acme, address, monkeypatch, settings, tmp_path
):
    member = acme.member()
    monkeypatch.setattr(uploads, "LARGEST_REQUEST", 10_000)
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
    answer = member.post(address, flood())
    assert answer.status_code == 400
    assert "too large" in answer.content.decode()
    assert list(tmp_path.glob("*.upload*")) == []
    with acme.scope():
        assert not Ticket.objects.get(title="Flood").comments.exists()
        Ticket.objects.get(title="Flood").delete()


def test_a_request_that_lies_about_its_length_is_ended_when_it_has_sent_too_much(monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST_REQUEST", 10_000)
    request = RequestFactory().post("/", flood())
    request.META["CONTENT_LENGTH"] = "100"
    handler = uploads.BoundedUpload(request)
    handler.handle_raw_input(request, request.META, 100, "x")
    handler.receive_data_chunk(b"x" * 6000, 0)
    with pytest.raises(uploads.RequestDataTooBig):
        handler.receive_data_chunk(b"x" * 6000, 6000)


def test_what_is_not_too_much_passes(acme, address):
    assert acme.member().post(address, flood()).status_code == 302
    with acme.scope():
        ticket = Ticket.objects.get(title="Flood")
        assert ticket.attachments.count() == 5
        ticket.delete()
