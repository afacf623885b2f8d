"""Mail for demo and development: kept as files in a folder, to be looked at on a page."""

import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMail
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from front.conf import front_settings

MOST_KEPT: Final = 200
MOST_SHOWN: Final = 50
LONGEST_BYTES: Final = 64 * 1024
"""Of one mail, as much is shown."""

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+")
_AFTER_AN_ADDRESS: Final = ".,;:!?)"


class FolderBackend(BaseEmailBackend):
    """Keeps each mail as a file in ATOLL_MAIL_FOLDER; only the newest `MOST_KEPT`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails down; return how many.

        Raises:
            ImproperlyConfigured: there is no folder.
        """
        folder = front_settings().mail_folder
        if folder is None:
            raise ImproperlyConfigured(
                "front.sent_mail.FolderBackend keeps mails in ATOLL_MAIL_FOLDER, which is not set."
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            _write(folder, message.message().as_bytes())
        for old in _newest_first(folder)[MOST_KEPT:]:
            old.unlink(missing_ok=True)
        return len(email_messages)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a mail's text; some are addresses of pages."""

    text: str
    is_link: bool


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail as the page shows it."""

    sent_at: datetime
    sender: str
    to: str
    subject: str
    pieces: tuple[Piece, ...]


def read_mails(folder: Path) -> list[SentMail]:
    """The newest mails, the newest first."""
    if not folder.is_dir():
        return []
    found = []
    for path in _newest_first(folder)[:MOST_SHOWN]:
        try:
            with path.open("rb") as file:
                content = file.read(LONGEST_BYTES)
        except FileNotFoundError:
            continue  # a newer mail has just pushed it out
        found.append(_parse(path, content))
    return found


def pieces_of(text: str) -> Iterator[Piece]:
    """The text in pieces: only what begins with http:// or https:// is a link."""
    end = 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(_AFTER_AN_ADDRESS)
        yield Piece(text[end : match.start()], is_link=False)
        yield Piece(address, is_link=True)
        end = match.start() + len(address)
    yield Piece(text[end:], is_link=False)


def _write(folder: Path, content: bytes) -> None:
    # The name tells the order. Renamed when complete, so that nobody reads half a mail.
    path = folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}.eml"
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.rename(path)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.eml"), key=lambda path: path.name, reverse=True)


def _parse(path: Path, content: bytes) -> SentMail:
    mail = message_from_bytes(content, policy=policy.default)
    return SentMail(
        sent_at=datetime.fromtimestamp(int(path.name.partition("-")[0]) / 1e9, tz=UTC),
        sender=str(mail.get("From", "")),
        to=str(mail.get("To", "")),
        subject=str(mail.get("Subject", "")),
        pieces=tuple(pieces_of(_text_of(mail))),
    )


def _text_of(mail: ParsedMail) -> str:
    body = mail.get_body(("plain",))
    if body is None:
        return "(This mail has no plain text.)"
    return str(body.get_content()).strip()
