"""All tickets of a tenant as a CSV file, kept among the tenant's files."""

import csv
import tempfile
from datetime import timedelta
from io import TextIOWrapper
from typing import IO, Final
from uuid import UUID

from django.core.files import File
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from workspace.models import Export, Ticket

KEPT_FOR: Final = timedelta(days=7)
COLUMNS: Final = ("id", "title", "status", "opened_by", "opened_at", "closed_at", "comments")
# A spreadsheet takes a cell that begins with one of these for a formula and runs it.
FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")


def write_export(export_id: UUID) -> int:
    """Write the file of an export and return its number of rows.

    Transaction: opens its own, so that all rows are of one instant and reading can go by cursor.
    Idempotent: an export that has its file is left as it is; one that died half-way is written
        anew, under the same name.

    Raises:
        Export.DoesNotExist: it was purged meanwhile.
    """
    with transaction.atomic():
        export = Export.objects.select_for_update().get(pk=export_id)
        if export.file:
            return export.row_count or 0
        name = export.file.field.generate_filename(export, f"tickets-{export.pk}.csv")
        with tempfile.TemporaryFile() as content:
            rows = _write_rows(content)
            content.seek(0)
            # What an earlier try left would make the storage choose another name.
            export.file.storage.delete(name)
            export.file.save(name.rpartition("/")[2], File(content), save=False)
        export.row_count = rows
        export.save(update_fields=["file", "row_count"])
    return rows


def purge_exports() -> int:
    """Delete exports older than `KEPT_FOR`, files first; return how many.

    Idempotent: a file that is gone already is no error.
    """
    old = Export.objects.filter(requested_at__lt=timezone.now() - KEPT_FOR)
    for export in old:
        if export.file:
            export.file.delete(save=False)
        export.delete()
    return len(old)


def _write_rows(content: IO[bytes]) -> int:
    text = TextIOWrapper(content, encoding="utf-8", newline="")
    out = csv.writer(text)
    out.writerow(COLUMNS)
    rows = 0
    tickets = Ticket.objects.select_related("opened_by").annotate(comment_count=Count("comments"))
    for ticket in tickets.order_by("id").iterator(chunk_size=500):
        rows += 1
        out.writerow(
            _safe(cell)
            for cell in (
                ticket.pk,
                ticket.title,
                ticket.status,
                ticket.opened_by.email,
                ticket.opened_at.isoformat(),
                ticket.closed_at.isoformat() if ticket.closed_at else "",
                ticket.comment_count,
            )
        )
    # Flushes, and leaves `content` open for whoever made it.
    text.detach()
    return rows


def _safe(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
