"""What every answer tells browsers, whatever host and view it comes from."""

import io
import re
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import InvitationMail, User
from accounts.services.addresses import make_address_link
from accounts.services.invitations import invite, make_invitation_link
from accounts.services.password_links import make_password_path
from tenants.outbox.models import Message
from tests.integration.product.test_permissions import ENDS_SESSIONS, PUBLIC, VALUES, views
from workspace.models import Comment, Export, Import, Ticket, WorkspaceSettings
from workspace.services.attachments import attach_all
from workspace.services.preferences import choose_logo, remove_logo
from workspace.services.tickets import delete_ticket, open_ticket

UNSAFE = re.compile(r"unsafe-|\*|http:|https:(?!/)")
INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", re.I)
# Data for a script is no script.
DATA = re.compile(rb'<script[^>]*type="application/json"[^>]*>')


def assert_safe(answer, where):
    policy = answer.headers.get("Content-Security-Policy", "none at all: *")
    assert "default-src 'none'" in policy, f"{where}: {policy}"
    assert not UNSAFE.search(policy), f"{where}: {policy}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Referrer-Policy"] == "same-origin", where
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where
    framed = answer.headers.get("X-Frame-Options")
    assert framed == "DENY" or "frame-ancestors 'none'" in policy, where
    if not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html"):
        found = INLINE.search(DATA.sub(b"", answer.content))
        assert not found, f"{where}: {found[0] if found else ''}"


def test_every_view_of_a_tenants_host(acme):
    member = acme.member()
    shown = 0
    for view in views():
        if view.name in ENDS_SESSIONS:
            continue
        for client in (member, acme.visitor()):
            for method in ("GET", "POST"):
                answer = client.generic(method, view.path)
                assert_safe(answer, f"{method} {view.name} ({answer.status_code})")
                shown += answer.status_code == 200
    assert shown > 20


HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def pages(acme):
    """By its view's name, each page of acme whose address names something, with that there."""
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        # Somebody who does not sign in meanwhile, which would use up the links.
        person = User.objects.create_user("links@headers.example", name=HOSTILE)
        ticket = open_ticket(Ticket(title=HOSTILE, body=HOSTILE), by=admin)
        note = SimpleUploadedFile("note.txt", HOSTILE.encode())
        note.name = f"{HOSTILE.replace('/', '')}.txt"
        attach_all(ticket, [note], by=admin, comment=Comment(text=HOSTILE))
        logo = io.BytesIO()
        Image.new("RGB", (4, 4), "teal").save(logo, "PNG")
        choose_logo(SimpleUploadedFile("logo.png", logo.getvalue()))
        file = ContentFile(b"title\n", name="tickets.csv")
        export = Export.objects.create(requested_by=admin, file=file, row_count=0)
        job = Import.objects.create(
            requested_by=admin,
            file=file,
            state=Import.State.FAILED,
            errors=[{"row": 2, "why": HOSTILE}],
        )
        (invitation,) = invite(["somebody@headers.example"], User.Role.VIEWER, by=admin)
        logo_name = WorkspaceSettings.objects.get().logo.name.rpartition("/")[2]
        yield {
            "workspace:ticket": ticket.get_absolute_url(),
            "workspace:ticket_edit": f"{ticket.get_absolute_url()}edit/",
            "workspace:ticket_delete": f"{ticket.get_absolute_url()}delete/",
            "workspace:attachment": ticket.attachments.get().get_absolute_url(),
            "workspace:logo": f"/logo/{logo_name}/",
            "workspace:export_file": f"/exports/{export.pk}/tickets.csv",
            "workspace:import": f"/imports/{job.pk}/",
            "accounts:password_set": make_password_path(person),
            "accounts:accept": urlsplit(make_invitation_link(str(invitation.pk))).path,
            "accounts:address_confirm": urlsplit(
                make_address_link(f"{person.pk} else@headers.example")
            ).path,
        }
        delete_ticket(Ticket.objects.get(pk=ticket.pk))
        remove_logo()
        for row in (export, job, invitation, person):
            row.delete()
        InvitationMail.objects.all().delete()
        Message.objects.all().delete()


def test_every_page_of_a_tenants_host_with_something_hostile_on_it(acme, pages):
    member = acme.member()
    named = [view for view in views() if any(str(each) in view.path for each in VALUES.values())]
    answering = {
        view.name for view in named if not view.is_api and member.get(view.path).status_code != 405
    }
    assert answering == pages.keys(), "each page whose address names something is shown here"
    told = 0
    for view in views():
        path = pages.get(view.name, view.path)
        answer = (acme.visitor() if view.name in PUBLIC else member).get(path)
        assert answer.status_code == 200 or view.name not in pages, view.name
        assert_safe(answer, view.name)
        told += not answer.streaming and b"&lt;script&gt;alert(1)" in answer.content
        answer.close()
    assert told >= 5, "the dashboard, the list, the ticket, two forms and the import tell of it"


@pytest.mark.parametrize(
    ("host", "urlconf"),
    [("localhost", "config.urls_public"), ("console.localhost", "config.urls_console")],
)
def test_every_view_of_our_own_hosts(stack_ready, host, urlconf):
    client = Client(headers={"host": host})
    for view in views(urlconf):
        answer = client.get(view.path)
        assert_safe(answer, f"{view.name} ({answer.status_code})")


def test_errors_too(acme, settings):
    settings.DEBUG = False
    stranger = acme.visitor()
    assert_safe(stranger.get("/nothing/"), "404")
    assert_safe(acme.member(enforce_csrf_checks=True).post("/tickets/new/"), "403 of a forged form")
    assert_safe(Client(headers={"host": "nobody.localhost"}).get("/"), "404 of an unknown host")
    assert_safe(Client(headers={"host": "no host"}).get("/"), "400 of a bad host")


def test_the_guard_guards(acme, monkeypatch):
    """The negative control: a page whose policy lets inline scripts run, and one that has some."""
    from config import content_policy

    monkeypatch.setattr(content_policy, "CONTENT_POLICY", "default-src 'none'; 'unsafe-inline'")
    with pytest.raises(AssertionError, match="unsafe"):
        assert_safe(acme.member().get("/"), "dashboard")
    assert INLINE.search(b'<p style="x">')
    assert INLINE.search(b"<script>x()</script>")
    assert not INLINE.search(b'<script src="/static/x.js" defer></script>')


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(acme):
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        member = acme.visitor()
        member.get("/account/sign-in/")
        member.post("/account/sign-in/", {"username": acme.email, "password": acme.password})
        assert member.cookies[name]["samesite"] == "Lax", name
        assert member.cookies[name]["httponly"], name
        assert not member.cookies[name]["domain"], name
