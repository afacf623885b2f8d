"""All tickets of a tenant as a CSV file, kept among the tenant's files."""

import csv
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import TextIOWrapper
from typing import IO, Final
from uuid import UUID

from django.core.cache import cache
from django.core.files import File
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from workspace.errors import TransferBusy
from workspace.models import Export, Ticket
from workspace.services.csv_cells import disarm

KEPT_FOR: Final = timedelta(days=7)
# How long a sign of life is believed. A worker gives one every `ROWS_AT_ONCE` rows.
STALE_AFTER: Final = timedelta(seconds=10)
ROWS_AT_ONCE: Final = 500
COLUMNS: Final = (
    "id",
    "title",
    "body",
    "status",
    "priority",
    "assignee",
    "opened_by",
    "opened_at",
    "closed_by",
    "closed_at",
    "updated_at",
    "comments",
)


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is. In the cache, since its transaction shows nothing until its end."""

    rows: int
    total: int


def export_name(*more: object) -> str:
    """What its file is called, in storage, in its address and by browsers: `tickets-more.csv`."""
    return "-".join(("tickets", *map(str, more))) + ".csv"


def write_export(export_id: UUID) -> int | None:
    """Write the file of an export and return its number of rows; None if another worker is at it.

    Locks: the export's row.
    Transaction: opens its own, so that all rows are of one instant and reading can go by cursor.
    Idempotent: an export that has its file is left as it is; one that died half-way is written
        anew, under the same name.

    Raises:
        Export.DoesNotExist: it was deleted meanwhile.
    """
    with transaction.atomic():
        found = Export.objects.filter(pk=export_id)
        export = found.select_for_update(skip_locked=True).first()
        if export is None:
            found.get()
            return None
        if export.file:
            return export.row_count or 0
        name = export.file.field.generate_filename(export, export_name(export.pk))
        with tempfile.TemporaryFile() as content:
            rows = _write_rows(export, content)
            content.seek(0)
            # What an earlier try left would make the storage choose another name.
            export.file.storage.delete(name)
            export.file.save(name.rpartition("/")[2], File(content), save=False)
        export.row_count = rows
        export.save(update_fields=["file", "row_count"])
    return rows


def export_progress(export: Export) -> ExportProgress | None:
    """How far a worker is with this export; None when none has given a sign of late."""
    found = cache.get(_key(export.pk))
    return found if isinstance(found, ExportProgress) else None


def claim_stalled_exports(only: UUID | None = None) -> list[UUID]:
    """Exports that no worker is at, as far as is known; the caller is to send their tasks.

    Each is given to one caller in `STALE_AFTER`. Without a cache none is: nobody could tell.
    """
    stalled = Export.objects.filter(file="", requested_at__lt=timezone.now() - STALE_AFTER)
    if only is not None:
        stalled = stalled.filter(pk=only)
    return [
        export.pk
        for export in stalled
        if export_progress(export) is None
        and cache.add(f"{_key(export.pk)}:sent", 1, timeout=STALE_AFTER.total_seconds())
    ]


def delete_export(export_id: UUID) -> None:
    """Delete an export and its file.

    Transaction: opens its own or joins the caller's.

    Raises:
        Export.DoesNotExist: it is gone.
        TransferBusy: it is being written.
    """
    with transaction.atomic():
        found = Export.objects.filter(pk=export_id)
        export = found.select_for_update(skip_locked=True).first()
        if export is None:
            found.get()
            raise TransferBusy
        _delete(export)


def purge_exports() -> int:
    """Delete exports older than `KEPT_FOR`, with their files; return how many.

    Idempotent: a file that is gone already is no error.
    """
    old = list(Export.objects.filter(requested_at__lt=timezone.now() - KEPT_FOR))
    for export in old:
        with transaction.atomic():
            _delete(export)
    return len(old)


def _delete(export: Export) -> None:
    if export.file:
        # Not before the commit: a file that is gone cannot be rolled back.
        transaction.on_commit(partial(export.file.storage.delete, export.file.name or ""))
    export.delete()


def _write_rows(export: Export, content: IO[bytes]) -> int:
    text = TextIOWrapper(content, encoding="utf-8", newline="")
    out = csv.writer(text)
    out.writerow(COLUMNS)
    total = Ticket.objects.count()
    people = ("assignee", "opened_by", "closed_by")
    tickets = Ticket.objects.defer("search").select_related(*people)
    tickets = tickets.annotate(comment_count=Count("comments"))
    rows = 0
    for ticket in tickets.order_by("id").iterator(chunk_size=ROWS_AT_ONCE):
        if rows % ROWS_AT_ONCE == 0:
            _give_sign(export, ExportProgress(rows, total))
        rows += 1
        out.writerow(map(disarm, _cells(ticket, comments=ticket.comment_count)))
    # Flushes, and leaves `content` open for whoever made it.
    text.detach()
    return rows


def _cells(ticket: Ticket, *, comments: int) -> tuple[object, ...]:
    return (
        ticket.pk,
        ticket.title,
        ticket.body,
        ticket.status,
        ticket.priority,
        ticket.assignee.email if ticket.assignee else "",
        ticket.opened_by.email,
        ticket.opened_at.isoformat(),
        ticket.closed_by.email if ticket.closed_by else "",
        ticket.closed_at.isoformat() if ticket.closed_at else "",
        ticket.updated_at.isoformat(),
        comments,
    )


def _give_sign(export: Export, progress: ExportProgress) -> None:
    cache.set(_key(export.pk), progress, timeout=STALE_AFTER.total_seconds())


def _key(export_id: UUID) -> str:
    return f"workspace.export:{export_id}"
