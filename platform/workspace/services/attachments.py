"""Files that people add to tickets: under names of ours, and of types that are known."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from workspace.content_types import Upload, kind_of, safe_name
from workspace.errors import AttachmentRefused
from workspace.models import Attachment, Comment, Export, Import, Ticket, WorkspaceSettings
from workspace.services.tickets import comment_on, touch

LARGEST: Final = 10 * 2**20
"""Bytes of one file."""
MOST_AT_ONCE: Final = 5
"""In one form. As many of the largest fit into one request: `config.uploads`."""
MOST_PER_TICKET: Final = 100

# Longer than any request: a file without a row that is older belongs to nobody.
ORPHANED_AFTER: Final = timedelta(days=1)
_FOLDERS: Final = ("attachments", "logos", "exports", "imports")


def attach(
    ticket: Ticket, upload: Upload, *, by: User, comment: Comment | None = None
) -> Attachment:
    """Keep `upload` with `ticket`, or with one of its comments.

    Transaction: opens its own or joins the caller's. Whoever opens it around this deletes the file
        when it fails (`attach_all` does), since a storage knows no transactions.

    Raises:
        AttachmentRefused: too large, too many, empty, or of a type that is not taken. Nothing was
            kept.
    """
    name, content_type = _check(upload)
    with transaction.atomic():
        # Whoever counts takes turns, so that two at once cannot both be the last.
        Ticket.objects.select_for_update().only("pk").get(pk=ticket.pk)
        if ticket.attachments.count() >= MOST_PER_TICKET:
            raise AttachmentRefused(name, f"a ticket holds at most {MOST_PER_TICKET} files")
        attachment = Attachment(
            ticket=ticket,
            comment=comment,
            name=name,
            content_type=content_type,
            size=upload.size or 0,
            uploaded_by=by,
        )
        path = attachment.file.field.generate_filename(attachment, name)
        try:
            attachment.file.save(name, upload, save=False)
            attachment.save(force_insert=True)
            touch(ticket)
        except BaseException:
            # Also what the storage had written when the disk was full or the worker told to stop.
            _forget_file(path)
            raise
    return attachment


def attach_all(
    ticket: Ticket,
    uploads: Sequence[Upload],
    *,
    by: User,
    comment: Comment | None = None,
) -> list[Attachment]:
    """Keep all `uploads` with `ticket`, or none; with a new `comment`, that too.

    Transaction: opens its own; must not be called inside one.

    Raises:
        AttachmentRefused: nothing was kept.
    """
    kept: list[Attachment] = []
    try:
        with transaction.atomic(durable=True):
            if comment is not None:
                comment_on(ticket, comment, by=by)
            for upload in uploads:
                kept.append(attach(ticket, upload, by=by, comment=comment))  # noqa: PERF401
    except BaseException:
        for attachment in kept:
            _forget_file(attachment.file.name or "")
        raise
    return kept


def delete_attachment(attachment: Attachment) -> None:
    """Delete an attachment; its file goes once that is committed (workspace.files_of_rows).

    Transaction: opens its own or joins the caller's.
    """
    with transaction.atomic():
        attachment.delete()
        touch(attachment.ticket)


def sweep_files() -> int:
    """Delete files that no row knows, left by a process that was killed; return how many.

    Idempotent. A file that was written just now may be waiting for its row, and is left alone.
    """
    known = set(Attachment.objects.values_list("file", flat=True))
    known |= set(WorkspaceSettings.objects.values_list("logo", flat=True))
    for model in (Export, Import):
        known |= set(model.objects.values_list("file", flat=True))
    oldest = timezone.now() - ORPHANED_AFTER
    swept = 0
    for folder in _FOLDERS:
        names: list[str] = []
        with suppress(FileNotFoundError):
            _, names = default_storage.listdir(folder)
        for name in names:
            path = f"{folder}/{name}"
            if path not in known and default_storage.get_modified_time(path) < oldest:
                default_storage.delete(path)
                swept += 1
    return swept


def _check(upload: Upload) -> tuple[str, str]:
    name = upload.name or "file"
    if not upload.size:
        raise AttachmentRefused(name, "it is empty")
    if upload.size > LARGEST:
        raise AttachmentRefused(name, f"it is larger than {LARGEST // 2**20} MB")
    kind = kind_of(upload)
    if kind is None:
        raise AttachmentRefused(
            name, "only pictures, PDF, text, CSV, office documents and ZIP files are taken"
        )
    return safe_name(name, kind), kind.content_type


def _forget_file(path: str) -> None:
    with suppress(OSError):
        default_storage.delete(path)
