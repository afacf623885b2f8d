"""Finding imports whose worker is gone. See Note [Imports go on] in services/imports.py."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from workspace.models import Import
from workspace.services.imports import UNFINISHED

# A chunk takes a fraction of a second, and each of them moves the beat.
STALE_AFTER: Final = timedelta(seconds=10)


def claim_stalled(only: UUID | None = None) -> list[UUID]:
    """Imports that nobody has worked on for `STALE_AFTER`; the caller is to send their tasks.

    Each is given to one caller in that time, however many ask: its beat is moved. A task that is
    sent although one is still waiting in the queue does no harm.

    Locks: the rows that it finds, until the caller's transaction ends.
    """
    now = timezone.now()
    limit = now - STALE_AFTER
    stalled = Import.objects.filter(
        Q(beat_at__lt=limit) | Q(beat_at=None, requested_at__lt=limit), state__in=UNFINISHED
    )
    if only is not None:
        stalled = stalled.filter(pk=only)
    # The condition is looked at again for each, under its lock.
    return [
        key
        for key in list(stalled.values_list("pk", flat=True))
        if stalled.filter(pk=key).update(beat_at=now)
    ]
