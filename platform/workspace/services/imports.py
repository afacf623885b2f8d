"""Imports: tickets from a CSV file, a chunk at a time, so that any worker can go on with them.

Note [Imports go on]
    The broker gives a task whose worker was killed to another one after an hour only: the
    visibility timeout of Redis, which must be longer than the longest task. So the truth is in the
    database. A chunk's tickets, and how many rows are done, are one transaction; whoever works
    next begins there, and a row is never imported twice nor left out. Each chunk takes the row
    lock of its import, so that two workers never do the same one, and moves `beat_at`. An
    unfinished import whose beat is old gets a new task (services/imports_stalled.py): from the
    page that shows its progress, and from beat. A task too many finds nothing to do.
"""

from collections.abc import Generator
from datetime import timedelta
from enum import Enum
from functools import partial
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from workspace.errors import ImportRefused, TransferBusy
from workspace.models import Import, Ticket
from workspace.services.counts import forget_counts
from workspace.services.imports_file import Row, read_rows
from workspace.services.imports_rows import BadRow, people_in, ticket_of

KEPT_FOR: Final = timedelta(days=7)
ROWS_AT_ONCE: Final = 200
MOST_ERRORS: Final = 50
UNFINISHED: Final = (Import.State.WAITING, Import.State.RUNNING)


class Outcome(Enum):
    """How a turn of work on an import ended."""

    MORE = "there are more rows"
    ENDED = "there is nothing more to do"
    BUSY = "another worker has it"


def work_on(import_id: UUID, *, turn: timedelta) -> Outcome:
    """Import rows for about `turn`, in chunks.

    Locks: the import's row, for each chunk; what is locked already is left to whoever has it.
    Transaction: opens one per chunk; must not be called inside one.
    Idempotent: it goes on where the last committed chunk ended.
    """
    until = monotonic() + turn.total_seconds()
    with _Reader() as reader:
        while True:
            outcome = _import_chunk(import_id, reader)
            if outcome is not Outcome.MORE or monotonic() > until:
                return outcome


def stop_import(import_id: UUID) -> bool:
    """End an import where it stands; what is imported stays. False if it had ended already.

    Locks: the import's row; a chunk that is being written is waited for.
    Transaction: opens its own or joins the caller's.
    """
    with transaction.atomic():
        job = Import.objects.select_for_update().get(pk=import_id)
        if job.state not in UNFINISHED:
            return False
        _end(job, Import.State.STOPPED)
        job.save(update_fields=["state", "finished_at"])
    return True


def delete_import(import_id: UUID) -> None:
    """Delete an import that has ended, with its file. The tickets stay.

    Transaction: opens its own or joins the caller's.

    Raises:
        Import.DoesNotExist: it is gone.
        TransferBusy: it has not ended.
    """
    with transaction.atomic():
        job = Import.objects.select_for_update().get(pk=import_id)
        if job.state in UNFINISHED:
            raise TransferBusy
        _delete(job)


def purge_imports() -> int:
    """Delete imports older than `KEPT_FOR`, with their files; return how many.

    One that is that old and still not finished never will be.

    Idempotent: a file that is gone already is no error.
    """
    old = list(Import.objects.filter(requested_at__lt=timezone.now() - KEPT_FOR))
    for job in old:
        with transaction.atomic():
            _delete(job)
    return len(old)


def _import_chunk(import_id: UUID, reader: "_Reader") -> Outcome:
    with transaction.atomic():
        found = Import.objects.select_related("requested_by").filter(pk=import_id)
        job = found.select_for_update(skip_locked=True, of=("self",)).first()
        if job is None:
            return Outcome.BUSY if found.exists() else Outcome.ENDED
        if job.state not in UNFINISHED:
            return Outcome.ENDED
        job.state, job.beat_at = Import.State.RUNNING, timezone.now()
        try:
            rows = reader.take(job, ROWS_AT_ONCE)
        except (FileNotFoundError, ImportRefused) as error:
            # The file was whole when it was accepted: nothing that a person did.
            job.errors = [*job.errors, {"row": None, "why": _why(error)}]
            _end(job, Import.State.FAILED)
        else:
            _import_rows(job, rows)
            if len(rows) < ROWS_AT_ONCE:
                _end(job, Import.State.DONE)
        job.save(
            update_fields=["state", "beat_at", "done_rows", "failed_rows", "errors", "finished_at"]
        )
        transaction.on_commit(forget_counts)
    return Outcome.MORE if job.state == Import.State.RUNNING else Outcome.ENDED


def _import_rows(job: Import, rows: list[Row]) -> None:
    people = people_in(rows, importer=job.requested_by)
    tickets, errors = [], []
    for row in rows:
        try:
            tickets.append(ticket_of(row, people))
        except BadRow as error:
            errors.append({"row": row.number, "why": str(error)})
    Ticket.objects.bulk_create(tickets)
    job.done_rows += len(rows)
    job.failed_rows += len(errors)
    job.errors = [*job.errors, *errors][:MOST_ERRORS]


def _why(error: Exception) -> str:
    return "The file is gone." if isinstance(error, FileNotFoundError) else str(error)


def _end(job: Import, state: Import.State) -> None:
    job.state, job.finished_at = state, timezone.now()


def _delete(job: Import) -> None:
    if job.file:
        # Not before the commit: a file that is gone cannot be rolled back.
        transaction.on_commit(partial(job.file.storage.delete, job.file.name or ""))
    job.delete()


class _Reader:
    """The open file of an import, at the place where the last chunk ended."""

    def __init__(self) -> None:
        self._rows: Generator[Row, None, None] | None = None
        self._position = 0
        self._job: Import | None = None

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def take(self, job: Import, count: int) -> list[Row]:
        """The next `count` rows after those that are done; fewer at the end of the file.

        Raises:
            FileNotFoundError: it is gone.
            ImportRefused: it is not the file any more that was accepted.
        """
        if self._rows is None or self._position != job.done_rows:
            self._close()
            self._job = job
            self._rows = read_rows(job.file.open("rb"))
            self._position = len(list(islice(self._rows, job.done_rows)))
        rows = list(islice(self._rows, count))
        self._position += len(rows)
        return rows

    def _close(self) -> None:
        if self._rows is not None:
            self._rows.close()
        if self._job is not None:
            self._job.file.close()
        self._rows = self._job = None
