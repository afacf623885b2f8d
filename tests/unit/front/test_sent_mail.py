"""Mails that are kept in a folder and shown on a page."""

import stat

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.template.loader import render_to_string

from config.mail import mail_settings
from front import sent_mail
from front.checks import check_mail_is_not_shown
from front.sent_mail import FolderBackend, pieces_of, read_mails

HOSTILE = """<script>alert(1)</script> javascript:alert(1) data:text/html,x
https://a.example/x?y=1&z=2. (http://b.example/) "https://c.example"onclick=x ftp://d.example
"""


@pytest.fixture
def folder(settings, tmp_path):
    settings.ATOLL_MAIL_FOLDER = str(tmp_path / "mail")
    return tmp_path / "mail"


def send(subject="Hello", body="Text", to="ann@example.org"):
    FolderBackend().send_messages([EmailMessage(subject, body, "us@example.org", [to])])


def test_mails_are_kept_and_read_the_newest_first(folder):
    for number in range(3):
        send(f"Mail {number}", f"Grüße {number}\n")
    read = read_mails(folder)
    assert [mail.subject for mail in read] == ["Mail 2", "Mail 1", "Mail 0"]
    assert read[0].to == "ann@example.org"
    assert "".join(piece.text for piece in read[0].pieces) == "Grüße 2"


def test_nobody_else_on_the_machine_reads_the_files(folder):
    send()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_and_the_page_are_bounded(folder, monkeypatch):
    monkeypatch.setattr(sent_mail, "MOST_KEPT", 4)
    monkeypatch.setattr(sent_mail, "MOST_SHOWN", 2)
    monkeypatch.setattr(sent_mail, "LONGEST_BYTES", 1000)
    for number in range(6):
        send(f"Mail {number}", "x" * 5000)
    assert len(list(folder.iterdir())) == 4
    read = read_mails(folder)
    assert [mail.subject for mail in read] == ["Mail 5", "Mail 4"]
    assert len(read[0].pieces[0].text) < 1000


def test_only_addresses_of_web_pages_are_links():
    links = [piece.text for piece in pieces_of(HOSTILE) if piece.is_link]
    assert links == ["https://a.example/x?y=1&z=2", "http://b.example/", "https://c.example"]
    assert "".join(piece.text for piece in pieces_of(HOSTILE)) == HOSTILE


@pytest.mark.urls("config.urls_public")
def test_a_hostile_mail_is_shown_as_text(folder):
    send("<b>&", HOSTILE)
    page = render_to_string("front/mail.html", {"mails": read_mails(folder)})
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;&amp;" in page
    assert 'href="javascript' not in page
    assert 'href="https://a.example/x?y=1&amp;z=2"' in page


def test_a_mail_without_plain_text_shows_that(folder):
    message = EmailMultiAlternatives("Only HTML", "", "us@example.org", ["ann@example.org"])
    message.content_subtype = "html"
    message.body = "<b>Hi</b>"
    FolderBackend().send_messages([message])
    (mail,) = read_mails(folder)
    assert "no plain text" in mail.pieces[0].text


def test_a_folder_that_is_not_there_is_empty(folder):
    assert read_mails(folder) == []


def test_without_a_folder_the_backend_refuses(settings):
    settings.ATOLL_MAIL_FOLDER = ""
    with pytest.raises(ImproperlyConfigured, match="ATOLL_MAIL_FOLDER"):
        send()


def test_the_products_settings_lead_to_the_backend(folder, settings):
    for name, value in mail_settings(
        "smtp://localhost:25", backend="front.sent_mail.FolderBackend"
    ).items():
        setattr(settings, name, value)
    EmailMessage("Hi", "Text", "us@example.org", ["ann@example.org"]).send()
    assert len(read_mails(folder)) == 1


@pytest.mark.parametrize(
    ("debug", "https", "shown", "refused"),
    [
        (False, True, "somewhere", True),
        (False, True, "", False),
        (False, False, "somewhere", False),
        (True, True, "somewhere", False),
    ],
)
def test_a_check_refuses_to_show_mail_where_people_come(settings, debug, https, shown, refused):
    settings.DEBUG = debug
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = https
    settings.ATOLL_MAIL_FOLDER = shown
    found = [message.id for message in check_mail_is_not_shown(None)]
    assert found == (["front.E001"] if refused else [])
