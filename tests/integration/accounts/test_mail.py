import smtplib
import socketserver
import threading
from email.utils import parseaddr

import pytest
from django.core import mail
from django.db import transaction
from django.template import TemplateDoesNotExist

from config.mail import mail_settings
from sharding import scope
from tenants.errors import UnknownLink
from tenants.mail import (
    LateLink,
    compose,
    deliver,
    deliver_control_mail,
    queue_mail,
)
from tenants.outbox.errors import NoTransaction
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.services.drain import drain

TEMPLATE = "accounts/password_changed"


def queue(workspace, to="ann@dune.example", **options):
    with workspace.scope(), transaction.atomic():
        queue_mail(TEMPLATE, to=to, **options)


def test_a_mail_is_the_tenants_and_comes_from_it(dune, elm, post):
    queue(dune)
    queue(elm, "bob@elm.example")
    ours, theirs = post.only(dune), post.only(elm)
    assert ours.subject == "Your password for Dune Cars was changed"
    assert theirs.subject == "Your password for Elm & Elm was changed"
    assert ours.from_email == "Dune Cars via Atoll <no-reply@localhost>"
    assert parseaddr(theirs.from_email) == ("Elm & Elm via Atoll", "no-reply@localhost")
    assert ours.extra_headers["Auto-Submitted"] == "auto-generated"


def test_nothing_is_sent_of_what_was_rolled_back(dune, post):
    with dune.scope(), pytest.raises(ZeroDivisionError), transaction.atomic():
        queue_mail(TEMPLATE, to="ann@dune.example")
        _ = 1 / 0
    assert post.read(dune) == []


def test_a_mail_needs_a_transaction_a_tenant_a_template_and_whoever_makes_its_link(dune):
    with dune.scope(), pytest.raises(NoTransaction):
        queue_mail(TEMPLATE, to="ann@dune.example")
    with pytest.raises(scope.NoTenantInScope):
        queue_mail(TEMPLATE, to="ann@dune.example")
    with dune.scope(), transaction.atomic():
        with pytest.raises(TemplateDoesNotExist):
            queue_mail("accounts/no_such", to="ann@dune.example")
        with pytest.raises(UnknownLink):
            queue_mail(TEMPLATE, to="ann@dune.example", link=LateLink("no-such", "1"))
        assert not Message.objects.exists()


def test_a_mail_that_is_sent_twice_is_one_to_its_reader(dune, mailoutbox):
    queue(dune)
    with dune.scope():
        message = Message.objects.get(topic="mail")
        deliver(message)
        deliver(message)
    assert len({letter.extra_headers["Message-ID"] for letter in mailoutbox}) == 1


def test_what_people_typed_begins_no_header_and_is_not_escaped():
    title, body = compose(
        "accounts/invitation",
        {"by": "Ann\r\nBcc: all@x.example", "workspace": "Elm & Elm", "role": "Agent", "link": "/"},
    )
    assert title == "Ann Bcc: all@x.example invites you to Elm & Elm"
    assert "join Elm & Elm as Agent" in body


def test_mail_without_a_tenant_names_none(mailoutbox):
    deliver_control_mail("Welcome", "Hello\n", "ann@dune.example")
    (letter,) = mail.outbox
    assert letter.to == ["ann@dune.example"]
    assert " via " not in letter.from_email


class Refuses(socketserver.StreamRequestHandler):
    """A mail server that takes no mail for `bad@…`, and none now for `later@…`."""

    def handle(self):
        self.say(220)
        for line in self.rfile:
            word = line.decode().upper()
            if word.startswith("RCPT") and "BAD@" in word:
                self.say(550)
            elif word.startswith("RCPT") and "LATER@" in word:
                self.say(451)
            elif word.startswith("DATA"):
                self.say(354)
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.server.taken += 1
                self.say(250)
            elif word.startswith("QUIT"):
                self.say(221)
                return
            else:
                self.say(250)

    def say(self, code):
        self.wfile.write(f"{code} so\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Counts the mails that it has taken."""

    taken = 0
    daemon_threads = True


@pytest.fixture
def mail_server(settings):
    with MailServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in mail_settings(f"smtp://127.0.0.1:{server.server_address[1]}").items():
            setattr(settings, name, value)
        yield server
        server.shutdown()


def test_an_address_that_is_refused_for_good_holds_up_nobody(dune, mail_server, caplog):
    queue(dune, "bad@dune.example")
    queue(dune, f"a@{'ä' * 60}.example")
    queue(dune, "good@dune.example")
    with dune.scope():
        assert drain().delivered == 3
        assert not ParkedMessage.objects.exists()
    assert mail_server.taken == 1
    assert "takes no mail for an address" in caplog.text
    assert "No mail can be sent to an address" in caplog.text


def test_what_a_server_puts_off_is_kept_for_later(dune, mail_server):
    queue(dune, "later@dune.example")
    with dune.scope():
        assert drain().failed == 1
        message = Message.objects.get()
        assert "SMTPRecipientsRefused" in message.last_error
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            deliver(message)
        message.delete()
