"""Files that people attach: who gets them, what is taken, and what is left behind."""

import io
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from accounts.models import User
from workspace.errors import AttachmentRefused
from workspace.models import Attachment, Comment, Ticket
from workspace.services import attachments as service
from workspace.services.attachments import attach, attach_all, sweep_files
from workspace.services.tickets import delete_ticket, open_ticket

SCRIPT = (
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"
)


def picture():
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "teal").save(out, "PNG")
    return out.getvalue()


def upload(name="note.txt", content=b"some words"):
    return SimpleUploadedFile(name, content)


def kept_files():
    folder = Path(default_storage.location) / "attachments"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def ticket(acme):
    with acme.scope():
        return open_ticket(Ticket(title="With files"), by=User.objects.get(email=acme.email))


@pytest.fixture
def admin(acme):
    with acme.scope():
        return User.objects.get(email=acme.email)


def send(member, ticket, *files, text=""):
    return member.post(ticket.get_absolute_url(), {"text": text, "uploads": list(files)})


def test_files_come_with_a_comment_and_without(acme, ticket):
    member = acme.member()
    assert send(member, ticket, upload(), upload("b.png", picture()), text="See").status_code == 302
    assert send(member, ticket, upload("alone.csv", b"a,b")).status_code == 302
    page = member.get(ticket.get_absolute_url()).content.decode()
    for name in ("note.txt", "b.png", "alone.csv"):
        assert name in page
    with acme.scope():
        assert Comment.objects.filter(ticket=ticket).count() == 1
        kinds = ticket.attachments.values_list("name", "content_type", "comment__text")
        assert set(kinds) == {
            ("note.txt", "text/plain", "See"),
            ("b.png", "image/png", "See"),
            ("alone.csv", "text/plain", None),
        }


def test_only_members_of_the_tenant_get_a_file_whoever_knows_its_address(
    acme, birch, coral, ticket
):
    send(acme.member(), ticket, upload(content=b"ours alone"))
    with acme.scope():
        found = ticket.attachments.get()
    address = found.get_absolute_url()
    answer = acme.member().get(address)
    assert b"".join(answer.streaming_content) == b"ours alone"
    assert acme.visitor().get(address).status_code == 302
    for other in (birch, coral):
        assert other.member().get(address).status_code == 404
        assert other.member().post(f"{address}delete/").status_code == 404
    assert acme.member().get(f"/media/{found.file.name}").status_code == 404
    acme.member().get(address).close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("picture.svg", SCRIPT),
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("picture.png", SCRIPT),
        ("code.js", b"alert(1)"),
        ("both.png", picture() + SCRIPT),
    ],
)
def test_a_script_in_a_file_runs_nowhere(acme, ticket, name, content):
    member = acme.member()
    send(member, ticket, upload(name, content))
    with acme.scope():
        found = ticket.attachments.get()
    answer = member.get(found.get_absolute_url())
    answer.close()
    assert answer["content-type"].partition(";")[0] in {"text/plain", "image/png"}
    assert answer["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer["content-security-policy"]
    if answer["content-type"] != "image/png":
        assert answer["content-disposition"].startswith("attachment")
        assert (
            f'src="{found.get_absolute_url()}"'
            not in member.get(ticket.get_absolute_url()).content.decode()
        )


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("setup.exe", b"MZ\x90\x00\x03\x00\x00\x00", "only pictures"),
        ("holiday.png", b"\x89PNG\r\n\x1a\n\x00\x00 no picture", "only pictures"),
        ("big.txt", b"x" * (service.LARGEST + 1), "larger than 10 MB"),
    ],
)
def test_what_is_not_taken_is_refused_by_name_and_nothing_is_kept(acme, ticket, name, content, why):
    with acme.scope():
        before = kept_files()
    answer = send(acme.member(), ticket, upload(), upload(name, content), text="Look")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert name in page
    assert why in page
    assert "Look" in page
    with acme.scope():
        assert not ticket.attachments.exists()
        assert not ticket.comments.exists()
        assert kept_files() == before


def test_an_empty_file_and_too_many_are_refused(acme, ticket, admin):
    member = acme.member()
    assert send(member, ticket, upload(content=b"")).status_code == 422
    many = [upload(f"{n}.txt") for n in range(service.MOST_AT_ONCE + 1)]
    assert send(member, ticket, *many).status_code == 422
    with acme.scope():
        Attachment.objects.bulk_create(
            Attachment(
                ticket=ticket, name="n", content_type="text/plain", size=1, uploaded_by=admin
            )
            for _ in range(service.MOST_PER_TICKET)
        )
        with pytest.raises(AttachmentRefused, match="at most"):
            attach_all(ticket, [upload()], by=admin)
        assert ticket.attachments.count() == service.MOST_PER_TICKET
        assert kept_files() == []


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "x/../../y", "nul\x00.txt"]
)
def test_a_name_that_leads_elsewhere_leads_nowhere(acme, ticket, admin, name):
    sent = upload(content=b"root")
    # What Django's own parser would have taken away, in case another parser does not.
    vars(sent)["_name"] = name
    with acme.scope():
        made = attach(ticket, sent, by=admin)
        assert made.file.name == f"attachments/{made.pk}"
        assert kept_files() == [str(made.pk)]
        assert not {"/", "\\", "\x00"} & set(made.name)


def test_a_file_goes_with_its_row_its_comment_and_its_ticket_once_that_is_committed(
    acme, ticket, admin
):
    with acme.scope():
        comment = Comment(text="with a file")
        attach_all(ticket, [upload()], by=admin, comment=comment)
        attach_all(ticket, [upload(), upload()], by=admin)
        assert len(kept_files()) == 3
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            delete_ticket(Ticket.objects.get(pk=ticket.pk))
            raise ZeroDivisionError
        assert len(kept_files()) == 3
        comment.delete()
        assert len(kept_files()) == 2
        acme.member().post(f"{ticket.attachments.first().get_absolute_url()}delete/")
        assert len(kept_files()) == 1
        delete_ticket(Ticket.objects.get(pk=ticket.pk))
        assert kept_files() == []


def test_only_whoever_attached_it_and_admins_remove_a_file(acme, ticket):
    with acme.scope():
        for name in ("one", "two"):
            User.objects.create_user(f"{name}@files.example", "long enough")
    one, two = (acme.member(f"{name}@files.example", "long enough") for name in ("one", "two"))
    send(one, ticket, upload())
    with acme.scope():
        address = ticket.attachments.get().get_absolute_url()
    assert two.post(f"{address}delete/").status_code == 403
    two.get(address).close()
    assert one.post(f"{address}delete/").status_code == 302
    with acme.scope():
        assert not ticket.attachments.exists()


def test_an_upload_that_fails_half_way_leaves_no_file(acme, ticket, admin):
    class Breaks(SimpleUploadedFile):
        def chunks(self, chunk_size=None):
            yield b"half of"
            raise OSError("No space left on device")

    with acme.scope():
        with pytest.raises(OSError, match="No space"):
            attach_all(ticket, [upload(), Breaks("b.txt", b"half of it")], by=admin)
        assert kept_files() == []
        assert not ticket.attachments.exists()


def test_a_file_without_a_row_is_swept_up_when_no_request_can_still_want_it(
    acme, birch, ticket, admin
):
    with acme.scope():
        kept = attach(ticket, upload(), by=admin)
        for name in ("attachments/left-behind", "attachments/just-now", "logos/left-behind"):
            default_storage.save(name, upload())
        long_ago = time.time() - timedelta(days=2).total_seconds()
        for name in (kept.file.name, "attachments/left-behind", "logos/left-behind"):
            os.utime(default_storage.path(name), (long_ago, long_ago))
    with birch.scope():
        assert sweep_files() == 0
    with acme.scope():
        assert sweep_files() == 2
        assert kept_files() == sorted([str(kept.pk), "just-now"])
        assert sweep_files() == 0


def test_fifty_files_take_as_many_queries_as_none(acme, ticket, admin):
    member = acme.member()

    def queries():
        with acme.scope(), CaptureQueriesContext(connections["default"]) as seen:
            assert member.get(ticket.get_absolute_url()).status_code == 200
        return len(seen)

    queries()
    before = queries()
    with acme.scope():
        Attachment.objects.bulk_create(
            Attachment(
                ticket=ticket,
                name=f"{n}.txt",
                content_type="text/plain",
                size=1,
                uploaded_by=admin,
                uploaded_at=timezone.now(),
            )
            for n in range(50)
        )
    assert queries() == before
