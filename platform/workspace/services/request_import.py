"""Asking for an import: a file that was looked at, a row for people to look at, and a task."""

from functools import partial
from typing import IO
from uuid import UUID

from django.core.files import File
from django.db import DatabaseError, transaction
from kombu.exceptions import OperationalError

from accounts.models import User
from workspace.errors import ImportRefused, ImportsUnavailable
from workspace.models import Import
from workspace.services.imports_file import MOST_BYTES, count_rows
from workspace.services.imports_stalled import claim_stalled
from workspace.services.transfers_at_work import hint_at_work
from workspace.tasks import import_tickets, send_quietly


def request_import(content: IO[bytes], *, size: int, by: User) -> Import:
    """Keep a CSV file that `by` brought, and start the task that makes tickets of it.

    Transaction: opens its own; must not be called inside one.

    Raises:
        ImportRefused: the file cannot be imported as a whole.
        ImportsUnavailable: the broker is away; within about two seconds.
    """
    if size > MOST_BYTES:
        raise ImportRefused(f"The file is larger than {MOST_BYTES // 1024**2} MB.")
    job = Import(requested_by=by, total_rows=count_rows(content))
    content.seek(0)
    job.file.save(f"{job.pk}.csv", File(content), save=False)
    try:
        with transaction.atomic(durable=True):
            job.save()
            import_tickets.delay_on_commit(str(job.pk))
            transaction.on_commit(hint_at_work, robust=True)
    except OperationalError as error:
        # The row was committed before the broker could refuse; nobody would ever fulfil it.
        Import.objects.filter(pk=job.pk).delete()
        job.file.delete(save=False)
        raise ImportsUnavailable from error
    except DatabaseError:
        # Without a row nobody would find the file again.
        job.file.delete(save=False)
        raise
    return job


def revive_import(import_id: UUID) -> bool:
    """Give an import whose worker is gone to another one; False if there is no need.

    Transaction: opens its own or joins the caller's; the task is sent after the commit.
    """
    with transaction.atomic():
        claimed = claim_stalled(import_id)
        for key in claimed:
            transaction.on_commit(partial(send_quietly, import_tickets, key))
    return bool(claimed)
